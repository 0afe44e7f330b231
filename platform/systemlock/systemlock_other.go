//go:build !windows && (!darwin || ios) && (!linux || android)

package systemlock

import (
	"context"
	"log/slog"
)

// Watch returns at once: this system tells nothing.
func Watch(context.Context, *slog.Logger, func()) {}
