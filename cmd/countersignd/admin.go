package main

import (
	"runtime/debug"
	"time"

	"countersign/verifier/store"
)

// adminCommands administer a verifier's data, also while the server runs on it.
type adminCommands struct {
	User struct {
		Add      userAddCmd      `cmd:"" help:"Add a user."`
		List     userListCmd     `cmd:"" help:"List the users."`
		Set      userSetCmd      `cmd:"" help:"Change a user."`
		Remove   userRemoveCmd   `cmd:"" help:"Remove a user with all devices and secrets."`
		Password userPasswordCmd `cmd:"" help:"Set a user's password."`
		Unlock   userUnlockCmd   `cmd:"" help:"Release a user's locks: password, push and codes."`
		TOTP     userTOTPCmd     `cmd:"" name:"totp" help:"Register or replace a user's TOTP secret."`
		NoTOTP   userNoTOTPCmd   `cmd:"" name:"no-totp" help:"Remove a user's TOTP secret."`
		Import   userImportCmd   `cmd:"" help:"Add users from a CSV file."`
	} `cmd:"" help:"Users."`
	Device struct {
		List   deviceListCmd   `cmd:"" help:"List a user's devices."`
		Remove deviceRemoveCmd `cmd:"" help:"Remove a device."`
	} `cmd:"" help:"Devices."`
	Group struct {
		Add          groupAddCmd          `cmd:"" help:"Add a group: assigned, or with --rule dynamic."`
		List         groupListCmd         `cmd:"" help:"List the groups."`
		Remove       groupRemoveCmd       `cmd:"" help:"Remove a group."`
		AddMember    groupAddMemberCmd    `cmd:"" help:"Put a user, or a group, into a group."`
		RemoveMember groupRemoveMemberCmd `cmd:"" help:"Take a user, or a group, out of a group."`
	} `cmd:"" help:"Groups."`
	Client struct {
		Add    clientAddCmd    `cmd:"" help:"Add a client (relying party) and print its key."`
		List   clientListCmd   `cmd:"" help:"List the clients."`
		Remove clientRemoveCmd `cmd:"" help:"Remove a client; its key ends."`
	} `cmd:"" help:"Clients: the relying parties that ask for sign-ins."`
	Settings struct {
		Show settingsShowCmd `cmd:"" help:"Show the settings."`
		Set  settingsSetCmd  `cmd:"" help:"Change settings."`
	} `cmd:"" help:"The organisation's settings."`
	AdminToken adminTokenCmd `cmd:"" help:"Make an administrator's token for the policy API, good for 8 hours."`
	AdminLink  adminLinkCmd  `cmd:"" help:"Make a one-time link, good for 15 minutes, that makes its user an administrator."`
	Backup     backupCmd     `cmd:"" help:"Write an encrypted backup of the data, key included."`
	Restore    restoreCmd    `cmd:"" help:"Make a data folder from a backup."`
	Audit      struct {
		Verify auditVerifyCmd `cmd:"" help:"Check that the audit log is as it was written."`
		Head   auditHeadCmd   `cmd:"" help:"Sign the audit log's head and print it, to be kept elsewhere."`
		Export auditExportCmd `cmd:"" help:"Print the events as JSON Lines, newest first."`
	} `cmd:"" help:"The audit log."`
}

type adminTokenCmd struct {
	dataFlag
	JSON bool `help:"Print JSON."`
}

// Run makes the token.
func (c adminTokenCmd) Run(e *env) error {
	var token string
	var expires time.Time
	err := e.updateNew(c.Data, func(d *data, tx store.Tx) (err error) {
		token, expires, err = d.directory.AddAdminToken(tx)
		return err
	})
	if err != nil {
		return err
	}
	return e.print(c.JSON, struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}{token, expires.Truncate(time.Second)}, "%s", token)
}

type versionCmd struct {
	JSON bool `help:"Print JSON."`
}

// Run prints the version that the Go tool stamped: the module's, or the commit.
func (c versionCmd) Run(e *env) error {
	v := struct {
		Version  string `json:"version"`
		Revision string `json:"revision,omitzero"`
		Go       string `json:"go"`
	}{Version: "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version, v.Go = info.Main.Version, info.GoVersion
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				v.Revision = setting.Value
			}
		}
	}
	return e.print(c.JSON, v, "countersignd %s %s", v.Version, v.Go)
}
