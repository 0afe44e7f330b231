package app

import (
	"errors"
	"time"

	"countersign/crypto/otp"
)

// What the methods about accounts refuse, for errors.Is.
var (
	ErrNoAccount = errors.New("no such account")
	ErrNoCode    = errors.New("this account has no codes")
	ErrNoSecret  = errors.New("the keyring no longer holds this account's secret")
	ErrLoading   = errors.New("the account's secret has not been read yet")
	ErrLocked    = errors.New("the app is locked")
	ErrNotOpen   = errors.New("the app has not been opened")
	ErrTooMany   = errors.New("too many accounts")
	ErrPicture   = errors.New("the picture is too large")
	ErrList      = errors.New("the list of accounts is damaged, or of a newer version of the app")
	ErrName      = errors.New("a name is too long, or holds characters that cannot be shown")
)

// MaxAccounts bounds the list, the trash included.
const MaxAccounts = 5000

// Account is one entry of the list, without its secrets: codes, push, or both.
type Account struct {
	ID string
	Details
	Code *CodeInfo // nil: the account has no codes
	Push *PushInfo // nil: the account gets no prompts

	Uses     int       // how often a code was copied or a prompt answered
	LastUsed time.Time // zero: never
	Added    time.Time
	Deleted  time.Time // zero: not in the trash

	Err error // why the secret cannot be used now: ErrLocked, ErrLoading, ErrNoSecret, or the keyring's
}

// Details are what the user may change about an account.
type Details struct {
	Issuer string   // the service or organisation, for the list
	Name   string   // the account there
	Note   string   // the user's own words
	Groups []string // an account may be in several
	Pinned bool     // stands first
	Icon   string   // the name of a bundled icon, or a data: URL of the user's own; "" is a monogram
}

// CodeInfo is what is not secret about an account's codes.
type CodeInfo struct {
	Type      otp.Type
	Algorithm otp.Algorithm
	Digits    int
	Period    int // seconds; 0 for HOTP
}

// PushInfo is what is not secret about an account's prompts.
type PushInfo struct {
	Organisation string // as the verifier named itself
	User         string
	RelayHost    string
	Verifier     string // the short form of its thumbprint
	Revoked      bool   // the organisation removed this device
	ChangingKeys bool   // ChangeKeys is under way
	Connected    bool
	Err          error // why not connected, where known
}

// Code is a one-time password as it stands at one moment.
type Code struct {
	Text      string
	Next      string        // the following code; empty for HOTP
	Remaining time.Duration // until Next; zero for HOTP
	Period    time.Duration // zero for HOTP
	Counter   uint64        // of an HOTP code
}

// Filter chooses from the list.
type Filter struct {
	Query string // words that each stand in the issuer, name, note or a group, whatever their case
	Group string // "" is all
	Order string // OrderManual, OrderName, OrderUse; "" is the setting's
}

// Addition is an account to add.
type Addition struct {
	Key     otp.Key // its Issuer and Name are the account's where Details has none
	Details Details
	Replace string // the id of an account whose key it takes over; "" adds a new one
}
