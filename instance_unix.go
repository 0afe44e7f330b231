//go:build !windows

package main

import (
	"context"
	"net"
)

func listen(ctx context.Context, path string) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "unix", path)
}
