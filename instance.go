package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// errElsewhere says that an app with this data runs already, and took the links.
var errElsewhere = errors.New("already running")

// What one app may be told by another start.
const (
	maxHandover  = 64 << 10
	handoverTime = 2 * time.Second
)

// instance is the one app that works on a data folder. A second start hands its
// links over, which is also how the system opens links while the app runs.
type instance struct {
	listener net.Listener
}

// claim makes this process the folder's app, or hands the links to the app that
// is: errElsewhere.
func claim(ctx context.Context, data string, links []string) (*instance, error) {
	path := socketPath(data)
	dialer := net.Dialer{Timeout: handoverTime}
	if c, err := dialer.DialContext(ctx, "unix", path); err == nil {
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(handoverTime))
		if _, err := io.WriteString(c, strings.Join(links, "\n")); err != nil {
			return nil, fmt.Errorf("handing the link to the running app: %w", err)
		}
		return nil, errElsewhere
	}
	_ = os.Remove(path) // of an app that was killed; Listen tells if it is still there
	listener, err := listen(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("claiming the data folder: %w", err)
	}
	return &instance{listener: listener}, nil
}

// maxSocketPath is what every system allows: the least is macOS's 104 octets.
const maxSocketPath = 100

// socketPath is in a folder of the user alone: in one that others may write to,
// somebody could wait there for links, and links hold secrets. Where the data
// folder's own path is too long for a socket, it is the cache folder's.
func socketPath(data string) string {
	path := filepath.Join(data, "app.sock")
	if len(path) <= maxSocketPath {
		return path
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return path // Listen says that it is too long
	}
	sum := sha256.Sum256([]byte(data))
	return filepath.Join(cache, "countersign-"+hex.EncodeToString(sum[:8]))
}

// serve takes links from later starts, until close.
func (i *instance) serve(open func(links []string)) {
	go func() {
		for {
			c, err := i.listener.Accept()
			if err != nil {
				return // closed
			}
			_ = c.SetDeadline(time.Now().Add(handoverTime))
			text, err := io.ReadAll(io.LimitReader(c, maxHandover))
			_ = c.Close()
			if err == nil {
				open(strings.Fields(string(text)))
			}
		}
	}()
}

func (i *instance) close() { _ = i.listener.Close() }
