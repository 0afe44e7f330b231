package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign/verifier/store"
)

// Record is an event with its number in the log, from 0.
type Record struct {
	Number int64 `json:"number"`
	Event
}

// Filter selects events; its zero value selects all.
type Filter struct {
	User      string // a user's id
	Client    string
	Challenge string
	Source    string
	State     string
	Kinds     []string  // any of them
	From      time.Time // from then
	Until     time.Time // before then
}

func (f Filter) match(e Event) bool {
	return (f.User == "" || f.User == e.User) &&
		(f.Client == "" || f.Client == e.Client) &&
		(f.Challenge == "" || f.Challenge == e.Challenge) &&
		(f.Source == "" || f.Source == e.Source) &&
		(f.State == "" || f.State == e.State) &&
		(len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Kind)) &&
		(f.From.IsZero() || !e.Time.Before(f.From)) &&
		(f.Until.IsZero() || e.Time.Before(f.Until))
}

// Page asks for a part of the events, newest first.
type Page struct {
	// Before is the Next of the page before; 0 for the newest.
	Before int64
	// Limit is how many events to give, at most and by default 1000.
	Limit int
}

// Result is a page of events, newest first.
type Result struct {
	Records []Record
	// Next continues after this page; 0 where there is no more. A page may be
	// short, even empty, and still have a Next: a query looks at a bounded
	// number of events, so that a filter that nothing matches cannot keep the
	// store busy.
	Next int64
}

const (
	maxPage     = 1000
	maxExamined = 20_000
)

// Query gives a page of the events that match.
func (l *Log) Query(tx store.Tx, f Filter, p Page) (Result, error) {
	if p.Limit <= 0 || p.Limit > maxPage {
		p.Limit = maxPage
	}
	if p.Before < 0 {
		return Result{}, fmt.Errorf("%w: a page before event %d", ErrInvalid, p.Before)
	}
	q := query{filter: f, limit: p.Limit}
	r := store.Range{Reverse: true}
	if f.User != "" {
		r.Prefix = userKey(f.User, 0)[:len(f.User)+1]
		if p.Before > 0 {
			r.After = userKey(f.User, p.Before)
		}
		err := tx.Scan(bucketByUser, r, func(key string, _ []byte) error {
			key = strings.TrimPrefix(key, r.Prefix)
			raw, err := tx.Get(bucketRecords, key)
			if err != nil {
				return fmt.Errorf("%w: an event of a user's list is missing: %w", ErrTampered, err)
			}
			return q.take(key, raw)
		})
		return q.result, err
	}
	if p.Before > 0 {
		r.After = numberKey(p.Before)
	}
	err := tx.Scan(bucketRecords, r, q.take)
	return q.result, err
}

type query struct {
	filter   Filter
	limit    int
	examined int
	result   Result
}

func (q *query) take(key string, raw []byte) error {
	n, err := parseNumberKey(key)
	if err != nil {
		return err
	}
	if len(q.result.Records) == q.limit || q.examined == maxExamined {
		q.result.Next = n + 1
		return store.Stop
	}
	q.examined++
	record := Record{Number: n}
	if err := json.Unmarshal(raw, &record.Event); err != nil {
		return fmt.Errorf("%w: event %d does not read", ErrTampered, n)
	}
	if !q.filter.From.IsZero() && record.Time.Before(q.filter.From.Add(-clockSlack)) {
		return store.Stop
	}
	if q.filter.match(record.Event) {
		q.result.Records = append(q.result.Records, record)
	}
	return nil
}

// clockSlack is how far the log's times may run backwards (events are in the
// order of their transactions) before a query takes an older event for the end
// of its range.
const clockSlack = 5 * time.Minute
