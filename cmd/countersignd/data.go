package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign/verifier/audit"
	"countersign/verifier/directory"
	"countersign/verifier/enrol"
	"countersign/verifier/rules"
	"countersign/verifier/session"
	"countersign/verifier/store"
	"countersign/verifier/store/sqlite"
	"countersign/verifier/tenant"
	"countersign/verifier/vault"
)

// dataFlag names the folder that a command works on.
type dataFlag struct {
	Data string `help:"Data folder." required:"" type:"path" placeholder:"DIR"`
}

// actorCLI stands in the audit log for whoever has a shell on the server.
const actorCLI = "cli"

// data is an open data folder.
type data struct {
	store     store.Store
	vault     *vault.Vault
	audit     *audit.Log
	tenant    *tenant.Tenant
	directory *directory.Directory
}

// openData opens the data folder, and makes it where there is none. The key
// file stands in it, unless COUNTERSIGN_KEY_FILE puts it elsewhere.
func openData(ctx context.Context, e *env, folder string) (*data, error) {
	s, err := sqlite.Open(ctx, databasePath(folder))
	if err != nil {
		return nil, err
	}
	v, err := vault.OpenFor(ctx, e.keyFile(folder), s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	// The command line tells its result itself; heads are the server's to log.
	logger := slog.New(slog.DiscardHandler)
	d := &data{store: s, vault: v}
	d.audit = audit.New(audit.Config{Store: s, Vault: v, Now: time.Now, Logger: logger})
	d.tenant = tenant.New(tenant.Config{Audit: d.audit})
	d.directory = directory.New(directory.Config{
		Store: s, Vault: v, Audit: d.audit, Tenant: d.tenant, Now: time.Now, Logger: logger,
	}).As(actorCLI)
	return d, nil
}

// sessions are the browsers' on the verifier's pages, for commands that end them.
func (d *data) sessions() *session.Sessions {
	return session.New(session.Config{Store: d.store, Audit: d.audit, Now: time.Now})
}

// enrolments make links, watch them and end them, without a way to the devices.
func (d *data) enrolments(logger *slog.Logger) *enrol.Service {
	return enrol.New(enrol.Config{
		Store: d.store, Directory: d.directory, Audit: d.audit, Vault: d.vault, Now: time.Now, Logger: logger,
		Rules: &rules.Rules{Store: d.store, Directory: d.directory, Tenant: d.tenant},
	})
}

// keyFile is where the vault's key is.
func (e *env) keyFile(folder string) string {
	if path := e.getenv("COUNTERSIGN_KEY_FILE"); path != "" {
		return path
	}
	return keyPath(folder)
}

// with opens the data folder for f. One that does not exist is not made: there
// is nothing in it to see or to change, and its name may be mistyped.
func (e *env) with(folder string, f func(*data) error) error {
	if _, err := os.Stat(databasePath(folder)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no data in %s", folder)
	}
	return e.withNew(folder, f)
}

// withNew is with for what may be the first thing in the data folder.
func (e *env) withNew(folder string, f func(*data) error) (err error) {
	d, err := openData(e.ctx, e, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.store.Close()) }()
	return f(d)
}

// update runs f in a transaction on the data folder.
func (e *env) update(folder string, f func(*data, store.Tx) error) error {
	return e.with(folder, func(d *data) error {
		return d.store.Update(e.ctx, func(tx store.Tx) error { return f(d, tx) })
	})
}

// updateNew is update for what may be the first thing in the data folder.
func (e *env) updateNew(folder string, f func(*data, store.Tx) error) error {
	return e.withNew(folder, func(d *data) error {
		return d.store.Update(e.ctx, func(tx store.Tx) error { return f(d, tx) })
	})
}

// view runs f in a transaction that reads.
func (e *env) view(folder string, f func(*data, store.Tx) error) error {
	return e.with(folder, func(d *data) error {
		return d.store.View(e.ctx, func(tx store.Tx) error { return f(d, tx) })
	})
}

// print writes v as JSON, or the text where JSON was not asked for.
func (e *env) print(asJSON bool, v any, format string, args ...any) error {
	if !asJSON {
		_, err := fmt.Fprintf(e.stdout, format+"\n", args...)
		return err
	}
	if err := json.MarshalWrite(e.stdout, v, json.Deterministic(true), jsontext.EscapeForHTML(false)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(e.stdout)
	return err
}

// maxSecret bounds a secret read from standard input, in bytes.
const maxSecret = 4096

// secret reads the first line of standard input.
func (e *env) secret(what string) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(e.stdin, maxSecret)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading %s: %w", what, err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return "", usageError{fmt.Errorf("%w %s", errNoSecret, what)}
	}
	return line, nil
}

// errNoSecret says that standard input was empty.
var errNoSecret = errors.New("standard input has no")
