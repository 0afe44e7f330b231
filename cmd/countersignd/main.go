// Countersignd is the server of Countersign: the relay, the verifier, and the
// commands that administer a verifier's data, also while the server runs.
//
// Exit status: 0 where what was asked was done, 1 where it could not be, 2
// where the command line or the configuration cannot be meant. An error is one
// line on standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// commands is the command line.
type commands struct {
	serverCommands
	adminCommands
	Version versionCmd `cmd:"" help:"Print the version."`
}

// env is what a command works with.
type env struct {
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
	logger *slog.Logger
}

// run is the program: it gives the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (status int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	e := &env{
		ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv,
		logger: slog.New(slog.NewTextHandler(stderr, nil)),
	}
	// Kong prints help and asks to exit in the middle of parsing.
	type exit int
	defer func() {
		if p := recover(); p != nil {
			code, ok := p.(exit)
			if !ok {
				panic(p)
			}
			status = int(code)
		}
	}()
	parser, err := kong.New(&commands{},
		kong.Name("countersignd"), kong.Description("Sign-in with number matching: relay and verifier."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return e.report(err, 2)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return e.report(fmt.Errorf("%w (see countersignd --help)", err), 2)
	}
	err = command.Run(e)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return e.report(err, 2)
	default:
		return e.report(err, 1)
	}
}

// report prints an error as one line and gives the exit status.
func (e *env) report(err error, status int) int {
	_, _ = fmt.Fprintln(e.stderr, "countersignd: "+plain(err))
	return status
}

// plain is an error in one line, without the names of packages before its
// parts: they are for who reads the source.
func plain(err error) string {
	text := strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", "; ")), " ")
	parts := strings.Split(text, ": ")
	packages := []string{"directory", "tenant", "audit", "vault", "store", "backup", "identity", "enrol", "challenge", "verifier", "portal", "invalid"}
	named := func(part string) bool { return slices.Contains(packages, part) }
	return strings.Join(append(slices.DeleteFunc(parts[:len(parts)-1], named), parts[len(parts)-1]), ": ")
}
