package directory

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/policy"
	"countersign/verifier/store"
	"countersign/verifier/words"
)

// User is a person who signs in.
type User struct {
	ID          string `json:"id"`
	Name        string `json:"name"` // bare or UPN, as it was given
	DisplayName string `json:"display_name,omitzero"`
	// Admin may use the portal and the policy API.
	Admin bool `json:"admin,omitzero"`
	// Roles are the ids of the directory roles that the user holds.
	Roles []string `json:"roles,omitzero"`
	// AdministrativeUnits are the ids of those that the user belongs to.
	AdministrativeUnits []string `json:"administrative_units,omitzero"`
	// Default is the user's default method; empty means push where registered.
	Default policy.Method `json:"default,omitzero"`
	// Attributes are what dynamic groups look at: department, jobTitle, ...
	Attributes map[string]string `json:"attributes,omitzero"`
	// OnPremises says that the user is synchronised from an on-premises
	// directory.
	OnPremises bool      `json:"on_premises,omitzero"`
	Disabled   bool      `json:"disabled,omitzero"`
	CreatedAt  time.Time `json:"created_at"`
}

const (
	maxRoles      = 64
	maxAttributes = 64
)

func (u User) check() error {
	if err := checkText("refused.what_display_name", u.DisplayName); err != nil {
		return err
	}
	if len(u.Roles)+len(u.AdministrativeUnits) > maxRoles || len(u.Attributes) > maxAttributes {
		return invalid("refused.user_lists", "roles", maxRoles, "attributes", maxAttributes)
	}
	for _, id := range slices.Concat(u.Roles, u.AdministrativeUnits) {
		if id == "" {
			return invalid("refused.role_empty")
		}
		if err := checkText("refused.what_role", id); err != nil {
			return err
		}
	}
	names := make(map[string]bool, len(u.Attributes))
	for name, value := range u.Attributes {
		folded := strings.ToLower(name)
		if name == "" || names[folded] {
			return invalid("refused.attribute_name")
		}
		names[folded] = true
		if err := cmp.Or(checkText("refused.what_attribute_name", name), checkText("refused.what_attribute", value)); err != nil {
			return err
		}
	}
	if u.Default != "" && u.Default != policy.MethodPush && u.Default != policy.MethodTOTP {
		return invalid("refused.default_method", "push", policy.MethodPush, "totp", policy.MethodTOTP)
	}
	return nil
}

// FindUser finds a user by name, without case. Where nobody has the name
// exactly, a bare name stands for the one in the organisation's domain, and the
// other way round: zoe and zoe@contoso.example are one person in
// contoso.example. It gives ErrUnknownUser where there is no such user.
func (d *Directory) FindUser(tx store.Tx, name string) (User, error) {
	forms, err := d.nameForms(tx, name)
	if errors.Is(err, ErrInvalid) {
		return User{}, ErrUnknownUser
	}
	if err != nil {
		return User{}, err
	}
	for _, form := range forms {
		id, err := d.userNames.Get(tx, form)
		if err == nil {
			return d.UserByID(tx, id)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return User{}, fmt.Errorf("directory: finding a user: %w", err)
		}
	}
	return User{}, ErrUnknownUser
}

// nameForms gives the folded forms of a name: the one given, and then the
// other, where there is one.
func (d *Directory) nameForms(tx store.Tx, name string) ([]string, error) {
	folded, err := foldName(name)
	if err != nil {
		return nil, err
	}
	own, err := d.ownDomain(tx)
	if err != nil {
		return nil, err
	}
	local, domain := splitName(folded)
	switch {
	case own == "":
	case domain == "":
		return []string{folded, local + "@" + own}, nil
	case domain == own:
		return []string{folded, local}, nil
	}
	return []string{folded}, nil
}

// ownDomain is the organisation's domain; empty where it has none.
func (d *Directory) ownDomain(tx store.Tx) (string, error) {
	if d.tenant == nil {
		return "", nil
	}
	settings, err := d.tenant.Load(tx)
	return strings.ToLower(settings.Domain), err
}

// UserByID gives a user, or ErrUnknownUser.
func (d *Directory) UserByID(tx store.Tx, id string) (User, error) {
	u, err := d.users.Get(tx, id)
	return u, unknown(err, ErrUnknownUser, "reading a user")
}

// CreateUser adds a user. It sets ID and CreatedAt, and gives ErrExists where
// the name is taken.
func (d *Directory) CreateUser(tx store.Tx, u User) (User, error) {
	folded, err := foldName(u.Name)
	if err != nil {
		return User{}, err
	}
	if err := u.check(); err != nil {
		return User{}, err
	}
	if taken, err := d.userNames.Has(tx, folded); err != nil {
		return User{}, err
	} else if taken {
		return User{}, words.Refuse(ErrExists, "refused.user_exists", "name", u.Name)
	}
	u.ID, u.CreatedAt = message.NewID(), d.now().UTC()
	if err := d.writeUser(tx, u, folded); err != nil {
		return User{}, err
	}
	return u, d.record(tx, audit.Event{Kind: audit.KindUserAdded, User: u.ID, Detail: u.detail()})
}

// PutUser changes a user, found by its ID; ErrUnknownUser where there is none,
// ErrExists where another has the new name.
func (d *Directory) PutUser(tx store.Tx, u User) error {
	before, err := d.UserByID(tx, u.ID)
	if err != nil {
		return err
	}
	folded, err := foldName(u.Name)
	if err != nil {
		return err
	}
	if err := u.check(); err != nil {
		return err
	}
	owner, err := d.userNames.Get(tx, folded)
	if err == nil && owner != u.ID {
		return words.Refuse(ErrExists, "refused.user_exists", "name", u.Name)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := d.unlinkName(tx, before); err != nil {
		return err
	}
	u.CreatedAt = before.CreatedAt
	if err := d.writeUser(tx, u, folded); err != nil {
		return err
	}
	return d.record(tx, audit.Event{Kind: audit.KindUserChanged, User: u.ID, Detail: changes(before.detail(), u.detail())})
}

func (d *Directory) writeUser(tx store.Tx, u User, folded string) error {
	return errors.Join(d.users.Put(tx, u.ID, u), d.userNames.Put(tx, folded, u.ID))
}

func (d *Directory) unlinkName(tx store.Tx, u User) error {
	folded, err := foldName(u.Name)
	if err != nil {
		return err
	}
	return d.userNames.Delete(tx, folded)
}

// ListUsers calls f with every user, in the order of their names, until it
// returns an error; store.Stop ends the list without one.
func (d *Directory) ListUsers(tx store.Tx, r store.Range, f func(User) error) error {
	return d.userNames.Scan(tx, r, func(_, id string) error {
		u, err := d.UserByID(tx, id)
		if err != nil {
			return err
		}
		return f(u)
	})
}

// DeleteUser removes a user with all that is theirs: devices, TOTP secret,
// password, memberships.
func (d *Directory) DeleteUser(tx store.Tx, id string) error {
	u, err := d.UserByID(tx, id)
	if err != nil {
		return err
	}
	devices, err := d.Devices(tx, id)
	if err != nil {
		return err
	}
	for _, device := range devices {
		if err := d.RemoveDevice(tx, device.ID); err != nil {
			return err
		}
	}
	if err := d.leaveGroups(tx, Member{Kind: MemberUser, ID: id}); err != nil {
		return err
	}
	err = errors.Join(
		d.unlinkName(tx, u),
		d.totp.Delete(tx, id),
		d.passwords.Delete(tx, id),
		d.clearGuesses(tx, guessedUser(id)),
		d.users.Delete(tx, id),
	)
	if err != nil {
		return fmt.Errorf("directory: removing a user: %w", err)
	}
	return d.record(tx, audit.Event{Kind: audit.KindUserRemoved, User: id})
}

// PolicyUser gives what the policy needs to know of a user with these devices;
// whether the methods policy targets the user is the document's to say.
func (d *Directory) PolicyUser(tx store.Tx, u User, devices []Device) (policy.User, error) {
	totp, err := d.HasTOTP(tx, u.ID)
	return policy.User{
		Push: len(devices) > 0, TOTP: totp, Default: u.Default,
		Admin: u.Admin || len(u.Roles) > 0,
	}, err
}

// detail is what the audit log says of a user: settings, and no names of
// people, who stand in it by id.
func (u User) detail() map[string]string {
	detail := map[string]string{
		"admin":       fmt.Sprint(u.Admin),
		"disabled":    fmt.Sprint(u.Disabled),
		"on_premises": fmt.Sprint(u.OnPremises),
		"default":     string(u.Default),
		"roles":       strings.Join(u.Roles, " "),
		"units":       strings.Join(u.AdministrativeUnits, " "),
	}
	maps.DeleteFunc(detail, func(_, value string) bool { return value == "" })
	return detail
}

// changes keeps of after what differs from before.
func changes(before, after map[string]string) map[string]string {
	changed := make(map[string]string)
	for name, value := range after {
		if before[name] != value {
			changed[name] = value
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			changed[name] = ""
		}
	}
	return changed
}
