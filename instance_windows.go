package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/windows"
)

// errNoHandover says that an app runs already, and that this system has no
// sockets to tell it anything by.
var errNoHandover = errors.New("it runs already; this Windows cannot hand a link to it, so paste the link there")

// listen takes a socket. Windows has them since 2018 (Windows 10 1803, Server
// 2019); an older one gets a lock instead, so that two apps never work on one
// folder, and no links from later starts.
func listen(ctx context.Context, path string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "unix", path)
	if errors.Is(err, windows.WSAEAFNOSUPPORT) {
		return lock(path + ".lock")
	}
	return listener, err
}

// locked is a file that no other process can open, as a listener to which
// nobody comes.
type locked struct {
	file   *os.File
	once   sync.Once
	closed chan struct{}
}

func lock(path string) (net.Listener, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	// Shared with nobody, and gone with the process however it ends.
	handle, err := windows.CreateFile(name, windows.GENERIC_WRITE, 0, nil, windows.OPEN_ALWAYS, windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return nil, errNoHandover
	}
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return &locked{file: os.NewFile(uintptr(handle), path), closed: make(chan struct{})}, nil
}

// Accept waits for Close.
func (l *locked) Accept() (net.Conn, error) {
	<-l.closed
	return nil, net.ErrClosed
}

// Close gives the folder free.
func (l *locked) Close() (err error) {
	l.once.Do(func() {
		close(l.closed)
		err = l.file.Close()
	})
	return err
}

// Addr is the file's name.
func (l *locked) Addr() net.Addr { return &net.UnixAddr{Name: l.file.Name(), Net: "unix"} }
