//go:build android || (!linux && !freebsd && !netbsd && !openbsd && !windows)

package minimised

import (
	"context"
	"log/slog"
)

// Watch knows nothing here.
func Watch(context.Context, *slog.Logger, uintptr, func(minimised bool)) {}
