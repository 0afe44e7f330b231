package scenario

import (
	"sync"
	"time"
)

// epoch is where a scenario's clock stands at first. Files may not depend on
// it, but the same file gives the same times in each run.
var epoch = time.Date(2026, time.January, 5, 8, 0, 0, 0, time.UTC)

// clock stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the clock's time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
