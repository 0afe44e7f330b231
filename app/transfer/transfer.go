package transfer

import (
	"context"
	"errors"
	"fmt"

	"countersign/crypto/otp"
)

// The errors of an import, to compare with errors.Is. The error that is
// returned wraps one of them, and its text says what to do.
var (
	ErrUnknownFormat  = errors.New("no known export format")
	ErrPasswordNeeded = errors.New("a password is needed")
	ErrWrongPassword  = errors.New("the password does not open the file")
	ErrDamaged        = errors.New("the file is damaged")
	// ErrOrDamaged goes with ErrWrongPassword where the format cannot tell.
	ErrOrDamaged  = errors.New("if it is right, the file is damaged")
	ErrRestricted = errors.New("the export is bound to the account it came from")
	ErrTooLarge   = errors.New("the file is too large")
	ErrTooCostly  = errors.New("the file asks for more work than any app sets")
	ErrIncomplete = errors.New("parts of the export are missing")
	ErrEmpty      = errors.New("the file holds no accounts")
)

// Format names the app and the shape of an export.
type Format string

// The formats that are read.
const (
	FormatAegis           Format = "Aegis"
	FormatAegisEncrypted  Format = "Aegis (encrypted)"
	Format2FAS            Format = "2FAS"
	Format2FASEncrypted   Format = "2FAS (encrypted)"
	FormatEnte            Format = "Ente Auth"
	FormatEnteEncrypted   Format = "Ente Auth (encrypted)"
	FormatStratum         Format = "Stratum"
	FormatStratumSealed   Format = "Stratum (encrypted)"
	FormatStratumLegacy   Format = "Authenticator Pro (encrypted)"
	FormatAndOTP          Format = "andOTP"
	FormatAndOTPEncrypted Format = "andOTP (encrypted)"
	FormatBitwarden       Format = "Bitwarden"
	FormatBitwardenCSV    Format = "Bitwarden CSV"
	FormatBitwardenSealed Format = "Bitwarden (encrypted)"
	FormatProton          Format = "Proton Authenticator"
	FormatProtonEncrypted Format = "Proton Authenticator (encrypted)"
	FormatFreeOTPPlus     Format = "FreeOTP+"
	FormatLastPass        Format = "LastPass Authenticator"
	FormatDuo             Format = "Duo Mobile"
	FormatSteam           Format = "Steam"
	FormatRaivo           Format = "Raivo"
	FormatGoogle          Format = "Google Authenticator"
	FormatURIs            Format = "otpauth links"
	FormatOwn             Format = "Countersign"
	FormatOwnEncrypted    Format = "Countersign (encrypted)"
)

// Entry is one account with what its app keeps beside the key.
type Entry struct {
	Key     otp.Key
	Groups  []string // groups, tags, folders or categories, in the file's order
	Note    string
	Icon    string // the name that the source gives its icon, if it names one
	Pinned  bool
	Trashed bool
}

// Unsupported is an entry of the file that this app cannot compute codes for.
type Unsupported struct {
	Name   string // issuer and account, as far as known
	Line   int    // of a list of links, where nothing else is known; 0 otherwise
	Reason string // one line
	Field  string // which field the reason is about, for those who have words of their own
}

// Result is a whole import.
type Result struct {
	Format      Format
	Entries     []Entry
	Unsupported []Unsupported
}

// Stage is a step of an import that takes a user's time.
type Stage string

// The stages of an import.
const (
	StageDeriving Stage = "deriving" // the key is derived from the password
	StageReading  Stage = "reading"  // the content is read
)

// Progress reports a stage as it begins.
type Progress struct {
	Stage  Stage
	Memory int64 // bytes that the stage needs; 0 if it does not matter
}

// Challenge is what is known of an encrypted file before its password is.
type Challenge struct {
	Format Format
	Memory int64 // bytes that deriving the key will take: warn the user where it is much
}

// Options are what an import needs from its caller.
type Options struct {
	// Password asks the user for the password. Nil, or an empty password,
	// ends the import with ErrPasswordNeeded.
	Password func(ctx context.Context, c Challenge) (string, error)
	// Progress is told of each stage; it may be nil. It is called on the
	// goroutine of Read.
	Progress func(Progress)
}

// Importer reads exports. One importer derives one key at a time: each may
// take a gigabyte.
type Importer struct {
	kdf chan struct{} // holds one token while a derivation runs
}

// NewImporter returns an importer.
func NewImporter() *Importer { return &Importer{kdf: make(chan struct{}, 1)} }

// Wait returns when no key derivation is running. A cancelled import returns
// at once, but Argon2 and scrypt cannot be interrupted: they run out in the
// background, some seconds at most.
func (im *Importer) Wait() {
	im.kdf <- struct{}{}
	<-im.kdf
}

// Read finds out what data is and reads all accounts of it. The file name is a
// hint and may be empty. On any error there are no entries.
func (im *Importer) Read(ctx context.Context, data []byte, filename string, opts Options) (Result, error) {
	if len(data) > MaxFileBytes {
		return Result{}, fmt.Errorf("%w: %d MiB at most", ErrTooLarge, MaxFileBytes>>20)
	}
	r := &run{ctx: ctx, im: im, opts: opts}
	format, read, err := detect(data, filename)
	if err != nil {
		return Result{}, err
	}
	r.result.Format = format
	if err := read(r); err != nil {
		return Result{}, fmt.Errorf("reading %s: %w", format, err)
	}
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("reading %s: %w", format, err)
	}
	if len(r.result.Entries) == 0 && len(r.result.Unsupported) == 0 {
		return Result{}, fmt.Errorf("reading %s: %w", format, ErrEmpty)
	}
	return r.result, nil
}

// run is one import on its way.
type run struct {
	ctx    context.Context
	im     *Importer
	opts   Options
	result Result
}

func (r *run) progress(p Progress) {
	if r.opts.Progress != nil {
		r.opts.Progress(p)
	}
}

// password asks for the password of the file.
func (r *run) password(memory int64) (string, error) {
	if r.opts.Password == nil {
		return "", ErrPasswordNeeded
	}
	password, err := r.opts.Password(r.ctx, Challenge{Format: r.result.Format, Memory: memory})
	if err != nil {
		return "", fmt.Errorf("asking for the password: %w", err)
	}
	if password == "" {
		return "", ErrPasswordNeeded
	}
	return password, nil
}

// add keeps one entry, or lists it as unsupported if its key is not valid.
func (r *run) add(e Entry) error {
	if len(r.result.Entries)+len(r.result.Unsupported) >= MaxEntries {
		return fmt.Errorf("%w: %d accounts at most", ErrTooLarge, MaxEntries)
	}
	e.Key.Issuer, e.Key.Name = otp.CleanText(e.Key.Issuer), otp.CleanText(e.Key.Name)
	if err := e.Key.Validate(); err != nil {
		return r.leaveOut(title(e.Key.Issuer, e.Key.Name), err)
	}
	e.Groups = cleanGroups(e.Groups)
	e.Icon = otp.CleanText(e.Icon)
	if err := checkExtras(e); err != nil {
		return err
	}
	r.result.Entries = append(r.result.Entries, e)
	return nil
}

// checkExtras bounds what is kept beside the key.
func checkExtras(e Entry) error {
	longest := len(e.Icon)
	for _, group := range e.Groups {
		longest = max(longest, len(group))
	}
	if len(e.Note) > MaxNoteBytes || len(e.Groups) > MaxGroups || longest > otp.MaxTextBytes {
		return fmt.Errorf("%w: an account with a note, icon or groups beyond any limit", ErrTooLarge)
	}
	return nil
}

// leaveOut lists an entry that cannot be used.
func (r *run) leaveOut(name string, reason error) error {
	if len(r.result.Entries)+len(r.result.Unsupported) >= MaxEntries {
		return fmt.Errorf("%w: %d accounts at most", ErrTooLarge, MaxEntries)
	}
	name = otp.CleanText(name)
	if len(name) > otp.MaxTextBytes {
		name = otp.CleanText(name[:otp.MaxTextBytes])
	}
	r.result.Unsupported = append(r.result.Unsupported, unsupported(name, reason))
	return nil
}

func unsupported(name string, reason error) Unsupported {
	u := Unsupported{Name: name, Reason: reason.Error()}
	var field *otp.FieldError
	if errors.As(reason, &field) {
		u.Field = field.Field
	}
	return u
}

// cleanGroups trims names and drops empty and repeated ones.
func cleanGroups(groups []string) []string {
	var out []string
	seen := make(map[string]bool)
	for _, group := range groups {
		group = otp.CleanText(group)
		if group == "" || seen[group] {
			continue
		}
		seen[group] = true
		out = append(out, group)
	}
	return out
}

// title names an account to its owner.
func title(issuer, name string) string {
	switch {
	case issuer == "":
		return name
	case name == "":
		return issuer
	default:
		return issuer + " (" + name + ")"
	}
}

// fields is a key as JSON exports spell it. Zero pointers take the defaults of
// the kind.
type fields struct {
	Type      otp.Type
	Issuer    string
	Name      string
	Secret    string // base32, or hexadecimal for Mobile-OTP
	Algorithm string
	Digits    *int
	Period    *int
	Counter   *int64
	PIN       string
}

// addFields turns fields into a key and keeps the entry.
func (r *run) addFields(f fields, e Entry) error {
	secret, err := parseSecret(f.Type, f.Secret)
	if err != nil {
		return r.leaveOut(title(f.Issuer, f.Name), err)
	}
	return r.addRaw(f, secret, e)
}

func parseSecret(kind otp.Type, text string) (otp.Secret, error) {
	if kind == otp.MOTP {
		return otp.ParseHexSecret(text)
	}
	return otp.ParseSecret(text)
}

// addRaw is addFields with the secret's bytes known.
func (r *run) addRaw(f fields, secret otp.Secret, e Entry) error {
	e.Key = otp.Defaults(f.Type)
	e.Key.Issuer, e.Key.Name, e.Key.Secret = f.Issuer, f.Name, secret
	if f.Type == otp.MOTP || f.Type == otp.Yandex {
		e.Key.PIN = otp.PIN(f.PIN)
	} else if f.Algorithm != "" { // the other two have one hash each, whatever the file says
		algorithm, err := otp.ParseAlgorithm(f.Algorithm)
		if err != nil {
			return r.leaveOut(title(f.Issuer, f.Name), err)
		}
		e.Key.Algorithm = algorithm
	}
	if f.Digits != nil && f.Type != otp.Steam { // a Steam code has five characters
		e.Key.Digits = *f.Digits
	}
	if f.Period != nil && f.Type.TimeBased() {
		e.Key.Period = *f.Period
	}
	if f.Counter != nil && f.Type == otp.HOTP {
		if *f.Counter < 0 {
			return r.leaveOut(title(f.Issuer, f.Name), &otp.FieldError{Field: "counter", Reason: "is negative"})
		}
		e.Key.Counter = uint64(*f.Counter)
	}
	return r.add(e)
}

// nonZero is for formats that write 0 for "the default".
func nonZero(n *int) *int {
	if n == nil || *n == 0 {
		return nil
	}
	return n
}
