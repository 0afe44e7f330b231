// Countersign-lab is for quality assurance: virtual devices that enrol and
// answer like a phone, in a folder each, and tools for the formats that
// authenticators exchange.
//
// Exit status: 0 where the outcome is as asked, 1 where it is not or nothing
// came, 2 where the command line cannot be meant. An error is one line on
// standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"countersign/app"
	"countersign/lab"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)) }

// commands is the command line.
type commands struct {
	Device  deviceCmd        `cmd:"" help:"A virtual device in a state folder. For testing only."`
	Run     scenariosCmd     `cmd:"" help:"Run scenario files: what is given, what happens, what must hold."`
	Import  importCmd        `cmd:"" help:"Read an export of an authenticator, or one link, and list its accounts with their secrets."`
	Code    codeCmd          `cmd:"" help:"Print the code of a link."`
	Verbose bool             `short:"v" help:"Log to standard error."`
	Version kong.VersionFlag `help:"Print the version."`
}

// env is what a command works with.
type env struct {
	ctx      context.Context
	stdin    io.Reader
	stdout   io.Writer
	stderr   io.Writer
	getenv   func(string) string
	logger   *slog.Logger
	terminal *lab.Terminal
}

// usageError ends the program with status 2.
type usageError struct{ error }

// exitStatus ends the program where all has been said already.
type exitStatus int

// Error is for logs.
func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// errNotAsAsked ends the program with status 1 where all has been said already.
var errNotAsAsked = errors.New("the outcome is not the one that was asked for")

func run(args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) (status int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
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
	report := func(err error, status int) int {
		text := strings.Join(strings.Fields(err.Error()), " ")
		_, _ = fmt.Fprintln(stderr, "countersign-lab: "+text)
		return status
	}
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("countersign-lab"), kong.Description("Virtual devices and tools to test Countersign with."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { panic(exit(code)) }),
		kong.Vars{"version": app.Version}, kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return report(err, 2)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return report(fmt.Errorf("%w (see countersign-lab --help)", err), 2)
	}
	logger := slog.New(slog.DiscardHandler)
	if cli.Verbose {
		logger = slog.New(slog.NewTextHandler(stderr, nil))
	}
	err = command.Run(&env{
		ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, getenv: getenv, logger: logger,
		terminal: lab.NewTerminal(stdin, stdout),
	})
	var usage usageError
	var said exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &said):
		return int(said)
	case errors.As(err, &usage):
		return report(err, 2)
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return report(errors.New("interrupted"), 1)
	default:
		return report(err, 1)
	}
}
