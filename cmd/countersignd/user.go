package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"countersign/crypto/otp"
	"countersign/verifier"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/policy"
	"countersign/verifier/store"
)

// userName is the argument that names a user.
type userName struct {
	Name string `arg:"" help:"User name, bare (zoe) or UPN (zoe@contoso.example); case does not matter."`
}

// find gives the user that the argument names.
func (n userName) find(d *data, tx store.Tx) (directory.User, error) {
	u, err := d.directory.FindUser(tx, n.Name)
	if errors.Is(err, directory.ErrUnknownUser) {
		return u, fmt.Errorf("%w %s", err, n.Name)
	}
	return u, err
}

type userAddCmd struct {
	userName
	dataFlag
	PasswordStdin bool              `help:"Read the password (8 characters or more) from standard input."`
	Admin         bool              `help:"The user administers the organisation."`
	DisplayName   string            `help:"Name to show." placeholder:"TEXT"`
	Role          []string          `help:"Directory role that the user holds; may be repeated." placeholder:"ID"`
	Attribute     map[string]string `help:"Attribute that dynamic groups look at; may be repeated." placeholder:"NAME=VALUE"`
	OnPremises    bool              `help:"The user is synchronised from an on-premises directory."`
	JSON          bool              `help:"Print JSON."`
}

// Run adds the user.
func (c userAddCmd) Run(e *env) error {
	var password string
	if c.PasswordStdin {
		var err error
		if password, err = e.secret("password"); err != nil {
			return err
		}
	}
	return e.withNew(c.Data, func(d *data) error {
		var hash string
		if c.PasswordStdin {
			var err error
			if hash, err = d.directory.HashPassword(password); err != nil {
				return err
			}
		}
		var u directory.User
		err := d.store.Update(e.ctx, func(tx store.Tx) (err error) {
			u, err = d.directory.CreateUser(tx, directory.User{
				Name: c.Name, DisplayName: c.DisplayName, Admin: c.Admin, Roles: c.Role,
				Attributes: c.Attribute, OnPremises: c.OnPremises,
			})
			if err != nil || hash == "" {
				return err
			}
			return d.directory.SetPasswordHash(tx, u.ID, hash)
		})
		if err != nil {
			return err
		}
		return e.print(c.JSON, struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		}{u.ID, u.Name}, "Added user %s.", u.Name)
	})
}

type userListCmd struct {
	dataFlag
	JSON bool `help:"Print JSON."`
}

// userRow is a user as the list shows them.
type userRow struct {
	directory.User
	Password bool `json:"password"` // has one
	Locked   bool `json:"password_locked"`
	TOTP     bool `json:"totp"`
	Devices  int  `json:"devices"`
}

// Run lists the users, by name.
func (c userListCmd) Run(e *env) error {
	users := []userRow{}
	err := e.view(c.Data, func(d *data, tx store.Tx) error {
		users = users[:0]
		return d.directory.ListUsers(tx, store.Range{}, func(u directory.User) error {
			row, err := describeUser(d.directory, tx, u)
			users = append(users, row)
			return err
		})
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return e.print(true, users, "")
	}
	return e.table("NAME\tADMIN\tDEVICES\tTOTP\tSTATE", func(line func(...any)) {
		for _, u := range users {
			state := "active"
			switch {
			case u.Disabled:
				state = "disabled"
			case u.Locked:
				state = "password locked"
			}
			line(u.Name, u.Admin, u.Devices, u.TOTP, state)
		}
	})
}

func describeUser(d *directory.Directory, tx store.Tx, u directory.User) (userRow, error) {
	row := userRow{User: u}
	devices, err := d.Devices(tx, u.ID)
	if err != nil {
		return row, err
	}
	row.Devices = len(devices)
	if row.TOTP, err = d.HasTOTP(tx, u.ID); err != nil {
		return row, err
	}
	if row.Password, err = d.HasPassword(tx, u.ID); err != nil {
		return row, err
	}
	row.Locked, err = d.PasswordLocked(tx, u.ID)
	return row, err
}

// table prints lines in columns.
func (e *env) table(heading string, rows func(line func(...any))) error {
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(w, heading)
	rows(func(cells ...any) {
		text := make([]string, len(cells))
		for i, cell := range cells {
			text[i] = fmt.Sprint(cell)
		}
		_, failed := fmt.Fprintln(w, strings.Join(text, "\t"))
		err = errors.Join(err, failed)
	})
	return errors.Join(err, w.Flush())
}

type userSetCmd struct {
	userName
	dataFlag
	Admin       *bool             `negatable:"" help:"The user administers the organisation."`
	Disabled    *bool             `negatable:"" help:"The user cannot sign in."`
	DisplayName *string           `help:"Name to show." placeholder:"TEXT"`
	Default     *string           `help:"Default method: push or totp." enum:"push,totp" placeholder:"METHOD"`
	Role        []string          `help:"Directory role that the user holds, in the place of those before; may be repeated." placeholder:"ID"`
	NoRoles     bool              `help:"The user holds no directory role."`
	Unit        []string          `help:"Administrative unit that the user belongs to, in the place of those before; may be repeated." placeholder:"ID"`
	NoUnits     bool              `help:"The user belongs to no administrative unit."`
	Attribute   map[string]string `help:"Attribute that dynamic groups look at; an empty value removes it; may be repeated." placeholder:"NAME=VALUE"`
}

// Run changes what was named, and leaves the rest.
func (c userSetCmd) Run(e *env) error {
	return e.update(c.Data, func(d *data, tx store.Tx) error {
		u, err := c.find(d, tx)
		if err != nil {
			return err
		}
		set(&u.Admin, c.Admin)
		set(&u.Disabled, c.Disabled)
		set(&u.DisplayName, c.DisplayName)
		if c.Default != nil {
			u.Default = policy.Method(*c.Default)
		}
		if c.NoRoles || len(c.Role) > 0 {
			u.Roles = c.Role
		}
		if c.NoUnits || len(c.Unit) > 0 {
			u.AdministrativeUnits = c.Unit
		}
		if u.Attributes == nil {
			u.Attributes = make(map[string]string)
		}
		for name, value := range c.Attribute {
			u.Attributes[name] = value
			if value == "" {
				delete(u.Attributes, name)
			}
		}
		return d.directory.PutUser(tx, u)
	})
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

type userRemoveCmd struct {
	userName
	dataFlag
}

// Run removes the user. Their devices hear of it when they next speak to the
// verifier.
func (c userRemoveCmd) Run(e *env) error {
	return e.update(c.Data, func(d *data, tx store.Tx) error {
		u, err := c.find(d, tx)
		if err != nil {
			return err
		}
		devices, err := d.directory.Devices(tx, u.ID)
		if err != nil {
			return err
		}
		for _, device := range devices {
			if _, err := verifier.Revoke(tx, d.directory, device.ID, time.Now()); err != nil {
				return err
			}
		}
		if err := d.sessions().EndAll(tx, u.ID); err != nil {
			return err
		}
		return d.directory.DeleteUser(tx, u.ID)
	})
}

type userPasswordCmd struct {
	userName
	dataFlag
	PasswordStdin bool `required:"" help:"Read the password (8 characters or more) from standard input."`
}

// Run sets the password. Whoever is signed in with the one of before is signed
// out, and what links they made are void: they may be a thief.
func (c userPasswordCmd) Run(e *env) error {
	password, err := e.secret("password")
	if err != nil {
		return err
	}
	return e.with(c.Data, func(d *data) error {
		hash, err := d.directory.HashPassword(password)
		if err != nil {
			return err
		}
		return d.store.Update(e.ctx, func(tx store.Tx) error {
			u, err := c.find(d, tx)
			if err != nil {
				return err
			}
			if err := d.directory.SetPasswordHash(tx, u.ID, hash); err != nil {
				return err
			}
			if _, err := d.enrolments(e.logger).CancelOwn(tx, u.ID); err != nil {
				return err
			}
			return d.sessions().EndAll(tx, u.ID)
		})
	})
}

type userUnlockCmd struct {
	userName
	dataFlag
}

// Run releases the locks.
func (c userUnlockCmd) Run(e *env) error {
	return e.update(c.Data, func(d *data, tx store.Tx) error {
		u, err := c.find(d, tx)
		if err != nil {
			return err
		}
		if err := d.directory.UnlockPassword(tx, u.ID); err != nil {
			return err
		}
		return challenge.Release(tx, d.audit, actorCLI, u.ID)
	})
}

type userTOTPCmd struct {
	userName
	dataFlag
	SecretStdin bool `help:"Read the secret (base32, 160 bits or more) from standard input; otherwise one is made."`
	JSON        bool `help:"Print JSON."`
}

// Run registers the secret and prints the link that gives it to an app.
func (c userTOTPCmd) Run(e *env) error {
	var given otp.Secret
	if c.SecretStdin {
		text, err := e.secret("secret")
		if err != nil {
			return err
		}
		if given, err = otp.ParseSecret(text); err != nil {
			return err
		}
	}
	var key otp.Key
	err := e.update(c.Data, func(d *data, tx store.Tx) error {
		u, err := c.find(d, tx)
		if err != nil {
			return err
		}
		settings, err := d.tenant.Load(tx)
		if err != nil {
			return err
		}
		key = otp.NewTOTP(settings.Name, u.Name)
		if c.SecretStdin {
			key.Secret = given
		}
		return d.directory.RegisterTOTP(tx, u.ID, []byte(key.Secret))
	})
	if err != nil {
		return err
	}
	return e.print(c.JSON, struct {
		URI string `json:"uri"`
	}{key.URI()}, "%s", key.URI())
}

type userNoTOTPCmd struct {
	userName
	dataFlag
}

// Run removes the secret.
func (c userNoTOTPCmd) Run(e *env) error {
	return e.update(c.Data, func(d *data, tx store.Tx) error {
		u, err := c.find(d, tx)
		if err != nil {
			return err
		}
		return d.directory.RemoveTOTP(tx, u.ID)
	})
}

type userImportCmd struct {
	dataFlag
	File string `arg:"" type:"path" help:"CSV file whose first line names the columns: name, display_name, admin, default, roles, administrative_units, groups, on_premises, disabled, attribute.NAME; - for standard input."`
}

// Run adds all users of the file, or none, with an error for each bad line.
func (c userImportCmd) Run(e *env) (err error) {
	file := e.stdin
	if c.File != "-" {
		opened, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer func() { _ = opened.Close() }() // only read
		file = opened
	}
	// Read once: the transaction may run twice.
	text, err := io.ReadAll(io.LimitReader(file, maxImportFile))
	if err != nil {
		return err
	}
	count := 0
	err = e.updateNew(c.Data, func(d *data, tx store.Tx) (err error) {
		count, err = d.directory.ImportUsers(tx, strings.NewReader(string(text)))
		return err
	})
	if err != nil {
		return e.importErrors(err)
	}
	return e.print(false, nil, "Added %d users.", count)
}

const maxImportFile = 16 << 20

// importErrors prints the errors of the lines, a line each, and gives the last.
func (e *env) importErrors(err error) error {
	lines := strings.Split(err.Error(), "\n")
	if len(lines) == 1 {
		return err
	}
	for _, line := range lines {
		e.report(errors.New(line), 1)
	}
	return fmt.Errorf("nothing was added: %d errors", len(lines))
}
