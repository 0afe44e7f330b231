package relay

import (
	"bytes"
	"io"
	"net"
	"testing"

	"golang.org/x/net/nettest"
)

func TestAPipeIsAConnection(t *testing.T) {
	nettest.TestConn(t, func() (a, b net.Conn, stop func(), err error) {
		a, b = newPipe()
		return a, b, func() { _, _ = a.Close(), b.Close() }, nil
	})
}

// What was sent before the close arrives, as over a socket: a close frame says why.
func TestAClosedPipeGivesWhatItHolds(t *testing.T) {
	a, b := newPipe()
	sent := bytes.Repeat([]byte("frame"), 100)
	if _, err := a.Write(sent); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("read %d of %d octets, %v", len(got), len(sent), err)
	}
	if _, err := b.Write(sent); err == nil {
		t.Error("writing to who has closed succeeds")
	}
}
