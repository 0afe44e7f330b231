package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/go-json-experiment/json"

	"countersign/app"
	"countersign/lab"
	"countersign/message"
)

// deviceCmd is a virtual device.
type deviceCmd struct {
	State string `required:"" type:"path" placeholder:"DIR" help:"Folder of the device (0700). Its keys are sealed only if COUNTERSIGN_LAB_PASSPHRASE is set."`

	Enrol  enrolCmd    `cmd:"" help:"Enrol with a countersign:// link."`
	Answer answerCmd   `cmd:"" help:"Wait for one request, answer it, and tell the outcome."`
	Run    terminalCmd `cmd:"" help:"Be a terminal authenticator: prompt a person for each request."`
	Broker brokerCmd   `cmd:"" help:"Sign in on this device (the same-device flow, platform ios)."`

	Devices    devicesCmd    `cmd:"" help:"Ask for the list of the user's devices."`
	ChangeKeys changeKeysCmd `cmd:"" help:"Change the keys of this device with the organisation."`
}

func (d deviceCmd) open(e *env, about message.About, claims app.Claims) (*lab.Device, error) {
	device, err := lab.Open(e.ctx, lab.Options{
		Dir: d.State, Passphrase: e.getenv("COUNTERSIGN_LAB_PASSPHRASE"), About: about, Claims: claims, Logger: e.logger,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the device in %s: %w", d.State, err)
	}
	return device, nil
}

// existing opens a device that has been made before.
func (d deviceCmd) existing(e *env, claims app.Claims, platform string) (*lab.Device, error) {
	if _, err := os.Stat(d.State); err != nil {
		return nil, fmt.Errorf("there is no device in %s: enrol it first", d.State)
	}
	return d.open(e, message.About{Platform: platform}, claims)
}

type enrolCmd struct {
	Link       string `arg:"" help:"The countersign:// link."`
	Name       string `help:"What the device is called on the account page; this computer's name by default."`
	Platform   string `enum:"ios,android,windows,macos,linux,watchos,wearos," default:"" placeholder:"ios|android|windows|macos|linux" help:"What the device says that it is; this computer's by default."`
	FormFactor string `enum:"phone,tablet,desktop,watch," default:"" placeholder:"phone|tablet|desktop|watch" help:"What the device says that it is; the platform's by default."`
	AppVersion string `placeholder:"V" help:"The version that the device says it has."`
	Number     string `placeholder:"CMD|-" help:"Take the number from a shell command's output, or from standard input (-). Without it a person is asked."`
	JSON       bool   `name:"json" help:"Print JSON."`
}

// Run enrols.
func (c enrolCmd) Run(e *env, cli *commands) error {
	if c.AppVersion != "" && !message.ValidVersion(c.AppVersion) {
		return usageError{errors.New("--app-version is not a version like 0.1.0")}
	}
	if _, err := message.ParseLink(c.Link); err != nil {
		return usageError{err}
	}
	about := message.About{Platform: c.Platform, FormFactor: c.FormFactor, AppVersion: c.AppVersion}
	device, err := cli.Device.open(e, about, app.Claims{UserVerification: true})
	if err != nil {
		return err
	}
	account, err := c.enrol(e, device)
	if err := errors.Join(err, device.Close()); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e, enrolReply{account.Push.Organisation, account.Push.User, account.Push.RelayHost, account.Code != nil})
	}
	e.terminal.Say("Enrolled: this device is now an authenticator of %s at %s.", account.Push.User, account.Push.Organisation)
	return nil
}

type enrolReply struct {
	Organisation string `json:"organisation"`
	User         string `json:"user"`
	Relay        string `json:"relay"`
	TOTP         bool   `json:"totp"`
}

func (c enrolCmd) enrol(e *env, device *lab.Device) (app.Account, error) {
	enrolment, err := device.App.Begin(c.Link)
	if err != nil {
		return app.Account{}, err
	}
	if !c.JSON {
		e.terminal.Say("%s invites this device, by way of %s (verifier %s).", cmp.Or(enrolment.Organisation, "An organisation"), enrolment.RelayHost, enrolment.Verifier)
	}
	number := e.terminal.Number
	switch c.Number {
	case "":
		yes, err := e.terminal.Confirm(e.ctx, "Do you want to enrol with it?")
		if err != nil {
			return app.Account{}, err
		}
		if !yes {
			return app.Account{}, errors.New("not enrolled, as you wished")
		}
	case "-":
		number = e.terminal.StdinNumber
	default:
		number = lab.CommandNumber(c.Number)
	}
	name := c.Name
	if name == "" {
		host, _ := os.Hostname() // a computer without a name has a device without one
		name = cmp.Or(message.Clean(host, 64), "Lab device")
	}
	return device.Enrol(e.ctx, enrolment, name, number)
}

type answerCmd struct {
	Number             string        `xor:"decision" placeholder:"NN" help:"Approve with this number."`
	Approve            bool          `xor:"decision" help:"Approve a request that takes no number."`
	Deny               bool          `xor:"decision" help:"Say no."`
	Report             bool          `xor:"decision" help:"Say: No, it's not me."`
	Wait               time.Duration `default:"30s" help:"How long to wait for the request."`
	FormFactor         string        `enum:"phone,tablet,desktop,watch," default:"" placeholder:"F" help:"What the answer claims, past the app's own refusal."`
	AppVersion         string        `placeholder:"V" help:"What the answer claims, past the app's own refusal."`
	NoUserVerification bool          `help:"The answer does not claim that the user was verified by PIN."`
	JSON               bool          `name:"json" help:"Print JSON, with the challenge's claims as received."`
}

// Validate checks what kong cannot.
func (c *answerCmd) Validate() error {
	switch {
	case c.Number != "" && !message.ValidNumber(c.Number):
		return errors.New("--number takes two or six digits")
	case c.AppVersion != "" && !message.ValidVersion(c.AppVersion):
		return errors.New("--app-version is not a version like 0.1.0")
	case c.Wait <= 0:
		return errors.New("--wait must be more than nothing, such as 30s")
	}
	return nil
}

// Run answers one request.
func (c answerCmd) Run(e *env, cli *commands) error {
	claims := app.Claims{FormFactor: c.FormFactor, AppVersion: c.AppVersion, UserVerification: !c.NoUserVerification}
	device, err := cli.Device.existing(e, claims, "")
	if err != nil {
		return err
	}
	answered, err := device.Answer(e.ctx, c.Wait, c.decide(e))
	closed := device.Close()
	if answered.Challenge.ID == "" {
		return errors.Join(err, closed)
	}
	if c.JSON {
		err = errors.Join(err, printJSON(e, answered))
	} else if err == nil {
		e.terminal.Say("%s", lab.Outcome(app.Result{State: answered.State, Reason: answered.Reason}))
	}
	switch {
	case err != nil || closed != nil:
		return errors.Join(err, closed)
	case !answered.As():
		return fmt.Errorf("%w: %s", errNotAsAsked, lab.Outcome(app.Result{State: answered.State, Reason: answered.Reason}))
	}
	return nil
}

func (c answerCmd) decide(e *env) lab.Decide {
	var d app.Decision
	switch {
	case c.Number != "":
		d = app.Approve(c.Number)
	case c.Approve:
		d = app.Approve("")
	case c.Deny:
		d = app.Deny()
	case c.Report:
		d = app.Report()
	default:
		return e.terminal.Decide
	}
	return lab.Always(d)
}

type terminalCmd struct{}

// Run prompts a person until Ctrl-C.
func (terminalCmd) Run(e *env, cli *commands) error {
	device, err := cli.Device.existing(e, app.Claims{UserVerification: true}, "")
	if err != nil {
		return err
	}
	return errors.Join(device.Run(e.ctx, e.terminal), device.Close())
}

type devicesCmd struct {
	User string        `placeholder:"NAME" help:"Whose devices, where this device has several accounts."`
	Wait time.Duration `default:"30s" help:"How long to wait for the list."`
	JSON bool          `name:"json" help:"Print JSON."`
}

// Run lists the user's devices.
func (c devicesCmd) Run(e *env, cli *commands) error {
	device, account, err := cli.Device.accountOf(e, c.User)
	if err != nil {
		return err
	}
	list, err := device.Devices(e.ctx, account.ID, c.Wait)
	if err := errors.Join(err, device.Close()); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e, list)
	}
	for _, d := range list.Devices {
		mark := " "
		if d.This {
			mark = "*"
		}
		e.terminal.Say("%s %s, %s (%s), enrolled %s", mark, d.Name, d.FormFactor, d.Platform, d.EnrolledAt.Format(time.DateTime))
	}
	return nil
}

type changeKeysCmd struct {
	User string        `placeholder:"NAME" help:"Whose account, where this device has several."`
	Wait time.Duration `default:"30s" help:"How long to wait for the organisation."`
}

// Run changes the keys.
func (c changeKeysCmd) Run(e *env, cli *commands) error {
	device, account, err := cli.Device.accountOf(e, c.User)
	if err != nil {
		return err
	}
	err = device.ChangeKeys(e.ctx, account.ID, c.Wait)
	if err := errors.Join(err, device.Close()); err != nil {
		return err
	}
	e.terminal.Say("The keys of this device are new; the old ones are worthless.")
	return nil
}

// accountOf opens a device that has been made before, and finds its account.
func (d deviceCmd) accountOf(e *env, user string) (*lab.Device, app.Account, error) {
	device, err := d.existing(e, app.Claims{UserVerification: true}, "")
	if err != nil {
		return nil, app.Account{}, err
	}
	account, err := device.Account(user)
	if err != nil {
		return nil, account, errors.Join(err, device.Close())
	}
	return device, account, nil
}

type brokerCmd struct {
	User     string `required:"" placeholder:"NAME" help:"Who signs in. The password is asked for, or read from standard input."`
	Platform string `enum:"ios,android,windows,macos,linux," default:"" placeholder:"ios" help:"Change the device's platform; the flow exists on ios alone."`
	JSON     bool   `name:"json" help:"End with the outcome as JSON."`
}

// Run signs in on this device.
func (c brokerCmd) Run(e *env, cli *commands) error {
	device, err := cli.Device.existing(e, app.Claims{UserVerification: true}, c.Platform)
	if err != nil {
		return err
	}
	result, err := c.signIn(e, device)
	if err := errors.Join(err, device.Close()); err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(e, brokerReply{result.State, result.Reason}); err != nil {
			return err
		}
	}
	if result.State != message.StateApproved {
		return fmt.Errorf("%w: %s", errNotAsAsked, lab.Outcome(result))
	}
	return nil
}

type brokerReply struct {
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
}

func (c brokerCmd) signIn(e *env, device *lab.Device) (app.Result, error) {
	password, err := e.terminal.Password(e.ctx, "Password of "+c.User+": ")
	if err != nil {
		return app.Result{}, err
	}
	return device.Broker(e.ctx, e.terminal, c.User, password)
}

// printJSON writes one object on one line, as every command of the project does:
// whoever reads line by line gets it whole.
func printJSON(e *env, v any) error {
	if err := json.MarshalWrite(e.stdout, v); err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	_, err := fmt.Fprintln(e.stdout)
	return err
}
