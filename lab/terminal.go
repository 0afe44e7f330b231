package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/term"

	"countersign/app"
	"countersign/message"
)

// Terminal is where a person sits, or a script.
type Terminal struct {
	out    io.Writer
	screen bool // a person looks at it: lines can be wiped
	stdin  io.Reader
	lines  chan string // what was typed; closed at its end
	ask    chan struct{}
}

// ErrNoInput says that nobody can type an answer.
var ErrNoInput = errors.New("nothing was typed: standard input has ended")

// NewTerminal makes a Terminal. Nothing is read before the first question.
func NewTerminal(stdin io.Reader, out io.Writer) *Terminal {
	t := &Terminal{out: out, stdin: stdin, lines: make(chan string), ask: make(chan struct{}, 1)}
	in, isFile := stdin.(*os.File)
	show, shows := out.(*os.File)
	t.screen = isFile && shows && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(show.Fd()))
	return t
}

// Say prints a line.
func (t *Terminal) Say(format string, args ...any) {
	_, _ = fmt.Fprintf(t.out, format+"\n", args...)
}

// listen begins to read lines, once. A read cannot be interrupted, so the
// goroutine ends with standard input or with the program; ctx ends it between
// two lines.
func (t *Terminal) listen(ctx context.Context) <-chan string {
	select {
	case t.ask <- struct{}{}:
	default:
		return t.lines
	}
	go func() {
		defer close(t.lines)
		in := bufio.NewScanner(t.stdin)
		in.Buffer(make([]byte, 0, 1024), 4096)
		for in.Scan() {
			select {
			case t.lines <- strings.TrimSpace(in.Text()):
			case <-ctx.Done():
				return
			}
		}
	}()
	return t.lines
}

// line reads one line.
func (t *Terminal) line(ctx context.Context) (string, error) {
	select {
	case line, ok := <-t.listen(ctx):
		if !ok {
			return "", ErrNoInput
		}
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Password asks for a password, without showing it where a person types, or
// takes a line where a script does.
func (t *Terminal) Password(ctx context.Context, question string) (string, error) {
	in, isFile := t.stdin.(*os.File)
	if !isFile || !term.IsTerminal(int(in.Fd())) {
		return t.line(ctx)
	}
	_, _ = fmt.Fprint(t.out, question)
	password, err := term.ReadPassword(int(in.Fd()))
	_, _ = fmt.Fprintln(t.out)
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	return string(password), nil
}

// Confirm asks yes or no; a script is not asked.
func (t *Terminal) Confirm(ctx context.Context, question string) (bool, error) {
	if !t.screen {
		return true, nil
	}
	_, _ = fmt.Fprint(t.out, question+" [y/N] ")
	answer, err := t.line(ctx)
	if err != nil {
		return false, err
	}
	return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"), nil
}

// Number asks for the number until one has the right digits: a slip of the
// finger should not spend the one try.
func (t *Terminal) Number(ctx context.Context, p app.Prompt) (string, error) {
	for {
		_, _ = fmt.Fprintf(t.out, "Enter the %d-digit number that the page shows: ", p.Challenge.Digits)
		typed, err := t.line(ctx)
		if err != nil {
			return "", err
		}
		if message.ValidNumber(typed) && len(typed) == p.Challenge.Digits {
			return typed, nil
		}
		t.Say("That is not a number of %d digits.", p.Challenge.Digits)
	}
}

// StdinNumber takes the number from standard input, as a script gives it.
func (t *Terminal) StdinNumber(ctx context.Context, _ app.Prompt) (string, error) { return t.line(ctx) }

// CommandNumber runs a command of the shell and takes the number that it prints.
func CommandNumber(command string) Number {
	return func(ctx context.Context, _ app.Prompt) (string, error) {
		out, err := exec.CommandContext(ctx, "sh", "-c", command).Output()
		if err != nil {
			return "", fmt.Errorf("the command for the number: %w", err)
		}
		return strings.TrimSpace(string(out)), nil
	}
}

// describe prints what a person decides by.
func (t *Terminal) describe(p app.Prompt, now time.Time) {
	c := p.Challenge
	who := p.Organisation
	if p.User != "" {
		who += ", " + p.User
	}
	t.Say("")
	t.Say("Are you trying to sign in?  (%s)", who)
	for _, fact := range []struct{ name, value string }{
		{"App", c.App}, {"Place", c.Location}, {"Address", c.IP}, {"From", c.Origin}, {"By way of", c.Client},
	} {
		if fact.value != "" {
			t.Say("  %-10s %s", fact.name, fact.value)
		}
	}
	if c.NewLocation {
		t.Say("  This place is new for this account.")
	}
	if p.Refusal != nil {
		t.Say("  %s.", upper(p.Refusal.Error()))
	}
	t.Say("  Valid for %d s.", int(p.Expires.Sub(now).Seconds()))
}

func (t *Terminal) question(p app.Prompt) {
	if p.NeedsNumber() {
		_, _ = fmt.Fprintf(t.out, "Type the %d-digit number on your screen to approve, n for No, r for No, it's not me: ", p.Challenge.Digits)
		return
	}
	_, _ = fmt.Fprint(t.out, "Type y to approve, n for No, r for No, it's not me: ")
}

// decision reads what was typed at a question; ok is false where it is none.
func decision(p app.Prompt, typed string) (d app.Decision, ok bool) {
	switch strings.ToLower(typed) {
	case "n", "no":
		return app.Deny(), true
	case "r", "report":
		return app.Report(), true
	case "y", "yes":
		return app.Approve(""), !p.NeedsNumber()
	}
	return app.Approve(typed), p.NeedsNumber() && message.ValidNumber(typed) && len(typed) == p.Challenge.Digits
}

// Decide asks a person for one prompt.
func (t *Terminal) Decide(ctx context.Context, p app.Prompt) (app.Decision, error) {
	t.describe(p, time.Now())
	for {
		t.question(p)
		typed, err := t.line(ctx)
		if err != nil {
			return app.Decision{}, err
		}
		if d, ok := decision(p, typed); ok {
			return d, nil
		}
	}
}

// Outcome says in words how a prompt ended.
func Outcome(r app.Result) string {
	switch {
	case r.State == message.StateApproved && r.Elsewhere:
		return "Approved on another device."
	case r.State == message.StateApproved:
		return "Approved. You are signed in."
	case r.State == message.StateExpired:
		return "Expired: nobody answered in time."
	case r.State == message.StateCancelled:
		return "Cancelled: the sign-in was given up."
	case r.State == app.StateUnknown:
		return "Not known: the answer was sent, and no outcome came back."
	}
	switch r.Reason {
	case message.ReasonNumberMismatch:
		return "Denied: the number was wrong. Start the sign-in again."
	case message.ReasonReported:
		return "Denied and reported."
	case message.ReasonWearable:
		return "Denied: a watch cannot approve. Use the phone."
	case message.ReasonUpgradeRequired:
		return "Denied: this version of the app is too old. Update the app."
	case message.ReasonUserVerificationMissing:
		return "Denied: the organisation asks for a PIN with each approval."
	case message.ReasonLocked:
		return "Denied: too many wrong numbers, the account is locked for prompts."
	case message.ReasonUser, "":
		return "Denied."
	}
	return "Denied: " + r.Reason + "." // a newer verifier's word is better than none
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
