package relay

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// buckets keeps a token bucket for each key, and stays bounded: a full bucket
// is no different from a new one, and is forgotten first.
type buckets[K comparable] struct {
	rate Rate
	size int

	mu      sync.Mutex
	buckets map[K]*rate.Limiter
}

func newBuckets[K comparable](r Rate) *buckets[K] {
	return &buckets[K]{rate: r, size: maxBuckets, buckets: map[K]*rate.Limiter{}}
}

// allow takes one token of key's, if there is one.
func (b *buckets[K]) allow(key K, now time.Time) bool { return b.get(key, now).AllowN(now, 1) }

// get gives key's bucket, which outlives connections: whoever reconnects does
// not start anew.
func (b *buckets[K]) get(key K, now time.Time) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bucket, ok := b.buckets[key]; ok {
		return bucket
	}
	if len(b.buckets) >= b.size {
		b.sweep(now)
	}
	bucket := b.rate.limiter()
	b.buckets[key] = bucket
	return bucket
}

// sweep forgets the full buckets and, if that makes no room, any other one: an
// attacker with many addresses may win tokens by it, but locks nobody out.
func (b *buckets[K]) sweep(now time.Time) {
	for key, bucket := range b.buckets {
		if bucket.TokensAt(now) >= float64(bucket.Burst()) {
			delete(b.buckets, key)
		}
	}
	for key := range b.buckets {
		if len(b.buckets) < b.size {
			return
		}
		delete(b.buckets, key)
	}
}
