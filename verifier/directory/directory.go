// Package directory knows the organisation's users, their passwords, devices,
// TOTP secrets and groups, and the clients (relying parties) that may ask for
// sign-ins.
//
// Its functions work inside the caller's transaction, so that a caller can
// compose them: an enrolment that ends adds the device and settles the
// challenge in one. Only [Directory.Authenticate] has transactions of its own,
// because it hashes a password between them.
//
// Secrets are kept in the form that gives least away: passwords as argon2id
// hashes, client keys and administrators' tokens as SHA-256 of 256 random bits,
// TOTP and RADIUS secrets, which must be used in the clear, sealed by the vault.
package directory

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"

	"countersign/verifier/audit"
	"countersign/verifier/store"
	"countersign/verifier/tenant"
	"countersign/verifier/vault"
	"countersign/verifier/words"
)

// What the directory refuses, for errors.Is. What a person can mend comes as a
// *words.Error.
var (
	ErrUnknownUser    = errors.New("directory: unknown user")
	ErrUnknownDevice  = errors.New("directory: unknown device")
	ErrUnknownClient  = errors.New("directory: unknown client")
	ErrUnknownGroup   = errors.New("directory: unknown group")
	ErrUnknownToken   = errors.New("directory: unknown or expired token")
	ErrExists         = errors.New("directory: exists already")
	ErrInvalid        = errors.New("directory: invalid")
	ErrTooManyDevices = words.Refuse(nil, "refused.too_many_devices", "most", MaxDevices)
	ErrNoTOTP         = errors.New("directory: no TOTP secret is registered")
)

// MaxDevices is how many devices a user can have.
const MaxDevices = 5

// Config is what New needs. Zero numbers mean the defaults.
type Config struct {
	Store store.Store
	Vault *vault.Vault
	Audit *audit.Log
	// Tenant knows the organisation's domain, in which bare names and UPNs are
	// one; nil for none.
	Tenant *tenant.Tenant
	Now    func() time.Time
	Logger *slog.Logger
	// Hashes is how many argon2id computations run at once: each takes 19 MiB
	// and a core. Without a bound, a flood of sign-ins takes the machine's
	// memory. The default is 4.
	Hashes int
	// Waiting is how many sign-ins may wait for one of them, beyond which
	// Authenticate gives ErrBusy. The default is 256.
	Waiting int
}

// Directory is safe for use by several goroutines; its state is the store's.
type Directory struct {
	store   store.Store
	vault   *vault.Vault
	audit   *audit.Log
	tenant  *tenant.Tenant
	now     func() time.Time
	logger  *slog.Logger
	hashes  *semaphore.Weighted
	waiting *semaphore.Weighted
	actor   string
	buckets
}

// buckets are the records that this package owns.
type buckets struct {
	users       store.Bucket[User]
	userNames   store.Bucket[string] // folded name → id
	passwords   store.Bucket[string] // user id → argon2id hash
	guesses     store.Bucket[guesses]
	devices     store.Bucket[Device]
	owners      store.Bucket[owner]  // the devices again, read for their user alone
	userDevices store.Bucket[string] // user id, NUL, thumbprint → thumbprint
	totp        store.Bucket[totpRecord]
	clients     store.Bucket[Client]
	clientNames store.Bucket[string] // folded name → id
	clientKeys  store.Bucket[string] // hash of the key → id
	clientAddrs store.Bucket[string] // address of a RADIUS client → id
	adminTokens store.Bucket[adminToken]
	groups      store.Bucket[Group]
	groupNames  store.Bucket[string] // folded name → id
	members     store.Bucket[Member] // group id, NUL, kind:id
	memberOf    store.Bucket[string] // kind:id, NUL, group id → group id
	rules       store.Bucket[string] // id of a dynamic group → its rule
}

func newBuckets() buckets {
	return buckets{
		users:       store.NewBucket[User]("users"),
		userNames:   store.NewBucket[string]("user_names"),
		passwords:   store.NewBucket[string]("passwords"),
		guesses:     store.NewBucket[guesses]("password_guesses"),
		devices:     store.NewBucket[Device]("devices"),
		owners:      store.NewBucket[owner]("devices"),
		userDevices: store.NewBucket[string]("user_devices"),
		totp:        store.NewBucket[totpRecord]("totp"),
		clients:     store.NewBucket[Client]("clients"),
		clientNames: store.NewBucket[string]("client_names"),
		clientKeys:  store.NewBucket[string]("client_keys"),
		clientAddrs: store.NewBucket[string]("client_addresses"),
		adminTokens: store.NewBucket[adminToken]("admin_tokens"),
		groups:      store.NewBucket[Group]("groups"),
		groupNames:  store.NewBucket[string]("group_names"),
		members:     store.NewBucket[Member]("group_members"),
		memberOf:    store.NewBucket[string]("member_of"),
		rules:       store.NewBucket[string]("group_rules"),
	}
}

// ActorSystem stands in the audit log for changes that nobody in particular
// made.
const ActorSystem = "system"

// New makes a Directory.
func New(cfg Config) *Directory {
	if cfg.Hashes <= 0 {
		cfg.Hashes = 4
	}
	if cfg.Waiting <= 0 {
		cfg.Waiting = 256
	}
	return &Directory{
		store: cfg.Store, vault: cfg.Vault, audit: cfg.Audit, tenant: cfg.Tenant,
		now: cfg.Now, logger: cfg.Logger,
		hashes:  semaphore.NewWeighted(int64(cfg.Hashes)),
		waiting: semaphore.NewWeighted(int64(cfg.Hashes + cfg.Waiting)),
		actor:   ActorSystem,
		buckets: newBuckets(),
	}
}

// As gives the directory to an actor (a user's id, "cli", a token's name), who
// then stands in the audit log for every change made through it.
func (d *Directory) As(actor string) *Directory {
	other := *d
	other.actor = actor
	return &other
}

func (d *Directory) record(tx store.Tx, e audit.Event) error {
	if e.Actor == "" {
		e.Actor = d.actor
	}
	return d.audit.Append(tx, e)
}

// unknown turns the store's "not found" into the directory's own error.
func unknown(err, as error, doing string) error {
	if errors.Is(err, store.ErrNotFound) {
		return as
	}
	if err != nil {
		return fmt.Errorf("directory: %s: %w", doing, err)
	}
	return nil
}

func invalid(key string, args ...any) error { return words.Refuse(ErrInvalid, key, args...) }
