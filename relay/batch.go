package relay

import (
	"net"
	"sync"
	"time"

	"countersign/transport"
)

// batchConn gathers what is written between begin and flush into one system
// call: most of what a relay's delivery costs is its system calls.
type batchConn struct {
	net.Conn

	mu       sync.Mutex
	batching bool
	buffer   *[]byte // from the pool; nil while there is nothing to write
	pool     *sync.Pool
}

func newBatchPool() *sync.Pool {
	return &sync.Pool{New: func() any {
		b := make([]byte, 0, 8<<10)
		return &b
	}}
}

// Write writes, or keeps p until flush. Pongs and close frames come this way
// too, from the goroutine that reads.
func (c *batchConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.batching {
		return c.Conn.Write(p)
	}
	if c.buffer == nil {
		c.buffer = c.pool.Get().(*[]byte)
	}
	*c.buffer = append(*c.buffer, p...)
	if len(*c.buffer) >= maxBatch {
		if err := c.writeOut(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (c *batchConn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batching = true
}

// flush writes what has been gathered, and ends the batch.
func (c *batchConn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batching = false
	return c.writeOut()
}

func (c *batchConn) writeOut() error {
	if c.buffer == nil {
		return nil
	}
	err := c.SetWriteDeadline(time.Now().Add(transport.WriteTimeout))
	if err == nil {
		_, err = c.Conn.Write(*c.buffer)
	}
	*c.buffer = (*c.buffer)[:0]
	c.pool.Put(c.buffer)
	c.buffer = nil
	return err
}
