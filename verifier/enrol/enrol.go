// Package enrol adds authenticators to users (combined registration): a link of
// one use, a device that comes with it, and a number that ties the two to the
// person in front of the page. Until that number is answered, nothing is
// enrolled.
//
//	waiting → asked → enrolled | refused | expired
package enrol

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier/audit"
	"countersign/verifier/challenge"
	"countersign/verifier/directory"
	"countersign/verifier/rules"
	"countersign/verifier/store"
	"countersign/verifier/vault"
)

// State is where an enrolment is in its life.
type State string

// The states; the last three are final.
const (
	Waiting  State = "waiting"  // for a device that opens the link
	Asked    State = "asked"    // the device was asked for the number
	Enrolled State = "enrolled" // the device is the user's
	Refused  State = "refused"  // Reason says why
	Expired  State = "expired"
)

// Enrolment is one link and what became of it.
type Enrolment struct {
	ID        string
	User      string // the user's id
	State     State
	Reason    string
	Device    string // the device's name, once it has come
	Number    string // to show beside the link while asked; the device's user types it
	Notice    string // a device that was turned away, such as a watch; the link still stands
	ExpiresAt time.Time
}

// Final reports whether nothing more will happen.
func (e Enrolment) Final() bool { return e.State != Waiting && e.State != Asked }

type record struct {
	ID        string           `json:"id"`
	User      string           `json:"user"`
	Actor     string           `json:"actor"`
	Secret    []byte           `json:"secret"` // sealed
	TOTP      bool             `json:"totp,omitempty"`
	First     bool             `json:"first,omitempty"`
	State     State            `json:"state"`
	Reason    string           `json:"reason,omitempty"`
	Notice    string           `json:"notice,omitempty"`
	Device    directory.Device `json:"device,omitzero"`
	Challenge string           `json:"challenge,omitempty"`
	Number    string           `json:"number,omitempty"`
	ExpiresAt time.Time        `json:"expires_at"`
}

func (r record) view() Enrolment {
	return Enrolment{
		ID: r.ID, User: r.User, State: r.State, Reason: r.Reason, Device: r.Device.Name,
		Number: r.Number, Notice: r.Notice, ExpiresAt: r.ExpiresAt,
	}
}

// Endpoint is what a link says of the verifier: written by the server when it
// starts, read by every process that makes links.
type Endpoint struct {
	Relay      string              `json:"relay"`
	Pin        []byte              `json:"pin,omitempty"`
	Verifier   identity.Thumbprint `json:"verifier"`
	Encryption identity.PublicKey  `json:"encryption"`
}

var (
	enrolments = store.NewBucket[record]("enrolment")
	candidates = store.NewBucket[string]("enrolment_candidate") // signing key → enrolment
	endpoints  = store.NewBucket[Endpoint]("enrolment_endpoint")
	// ownLinks are the open links that users made for themselves: user's id, NUL, id → id.
	ownLinks = store.NewBucket[string]("enrolment_own")
)

const endpointKey = "current"

// What Service refuses, for errors.Is.
var (
	ErrUnknown  = errors.New("enrol: unknown enrolment")
	ErrNoServer = errors.New("enrol: no server has run on this data yet; start countersignd serve first")
	ErrRefused  = errors.New("enrol: device refused")
)

// Challenges asks the new device for the number.
type Challenges interface {
	StartEnrolment(tx store.Tx, req challenge.EnrolmentRequest) (challenge.Challenge, func(), error)
	Repeat(ctx context.Context, device identity.Thumbprint, ids ...string) error
	Cancel(ctx context.Context, client, id string) (challenge.Challenge, error)
}

// Config is what a Service is made of.
type Config struct {
	Store      store.Store
	Directory  *directory.Directory
	Rules      *rules.Rules
	Audit      *audit.Log
	Vault      *vault.Vault
	Challenges Challenges // nil in a process that only makes links and watches them
	Post       challenge.Post
	Now        func() time.Time
	Logger     *slog.Logger
}

// Service makes links and takes the devices that come with them.
type Service struct{ Config }

// New makes a Service.
func New(cfg Config) *Service { return &Service{Config: cfg} }

// SetEndpoint says where devices find the verifier.
func SetEndpoint(tx store.Tx, e Endpoint) error { return endpoints.Put(tx, endpointKey, e) }

// Endpoint says where devices find the verifier, or gives ErrNoServer.
func (s *Service) Endpoint(tx store.Tx) (Endpoint, error) {
	e, err := endpoints.Get(tx, endpointKey)
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNoServer
	}
	return e, err
}

// Request asks for a link.
type Request struct {
	User  string // the user's id
	Actor string // who asked, for the audit log
	TOTP  bool   // the same scan also registers a TOTP secret, where there is none
	// First is for a user without any method, by the password alone: the link is
	// void once the user has one. Else who knows the password could make a link,
	// wait for the user's own first device, and then add theirs unapproved.
	First bool
}

// Begin makes a link: single use, 10 minutes.
func (s *Service) Begin(ctx context.Context, req Request) (message.Link, Enrolment, error) {
	link := message.Link{ID: message.NewID(), Secret: make([]byte, 32)}
	_, _ = rand.Read(link.Secret) // never fails: crypto/rand ends the program first
	var r record
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		endpoint, err := s.Endpoint(tx)
		if err != nil {
			return err
		}
		link.Relay, link.Pin, link.Verifier, link.Encryption = endpoint.Relay, endpoint.Pin, endpoint.Verifier, endpoint.Encryption
		settings, err := s.Rules.Tenant.Load(tx)
		if err != nil {
			return err
		}
		link.Organisation = settings.Name
		if r, err = s.begin(tx, req, link); err != nil {
			return err
		}
		return s.Audit.Append(tx, audit.Event{Kind: audit.KindEnrolmentStarted, Actor: req.Actor, User: req.User})
	})
	return link, r.view(), err
}

func (s *Service) begin(tx store.Tx, req Request, link message.Link) (record, error) {
	user, err := s.Directory.UserByID(tx, req.User)
	if err != nil {
		return record{}, err
	}
	devices, err := s.Directory.Devices(tx, user.ID)
	if err != nil {
		return record{}, err
	}
	if len(devices) >= directory.MaxDevices {
		return record{}, directory.ErrTooManyDevices
	}
	has, err := s.Directory.HasTOTP(tx, user.ID)
	if err != nil {
		return record{}, err
	}
	secret, err := s.Vault.Seal(secretLabel(link.ID), link.Secret)
	if err != nil {
		return record{}, err
	}
	r := record{
		ID: link.ID, User: user.ID, Actor: req.Actor, Secret: secret, TOTP: req.TOTP && !has, First: req.First,
		State: Waiting, ExpiresAt: s.Now().Add(message.EnrolmentLifetime),
	}
	if r.own() {
		if err := ownLinks.Put(tx, ownKey(r), r.ID); err != nil {
			return record{}, err
		}
	}
	return r, enrolments.Put(tx, r.ID, r)
}

// own tells a link that its user made, from one that an administrator did.
func (r record) own() bool { return r.Actor == r.User }

func ownKey(r record) string { return r.User + "\x00" + r.ID }

func secretLabel(id string) string { return "enrolment/" + id }

// pollEvery is how often a watcher looks: the enrolment may be settled by
// another process on the same data.
const pollEvery = 200 * time.Millisecond

// Get returns an enrolment. With a wait it returns as soon as state or notice
// differ from seen, or when the wait or ctx ends.
func (s *Service) Get(ctx context.Context, id string, seen Enrolment, wait time.Duration) (Enrolment, error) {
	ctx, cancel := context.WithTimeout(ctx, max(wait, time.Second))
	defer cancel()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		e, err := s.load(context.WithoutCancel(ctx), id)
		if err != nil || wait <= 0 || e.Final() || e.State != seen.State || e.Notice != seen.Notice {
			return e, err
		}
		select {
		case <-ctx.Done():
			return e, nil
		case <-ticker.C:
		}
	}
}

func (s *Service) load(ctx context.Context, id string) (Enrolment, error) {
	var r record
	err := s.Store.View(ctx, func(tx store.Tx) (err error) {
		r, err = get(tx, id)
		return err
	})
	if err == nil && r.State == Waiting && s.Now().After(r.ExpiresAt) {
		r.State = Expired // nothing can come of it any more; Handle refuses it, too
	}
	return r.view(), err
}

func get(tx store.Tx, id string) (record, error) {
	r, err := enrolments.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return record{}, ErrUnknown
	}
	return r, err
}

// Cancel ends an enrolment that is not final: the person closed the page.
func (s *Service) Cancel(ctx context.Context, id string) error {
	var pending string
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		pending = ""
		r, err := get(tx, id)
		if err != nil || r.view().Final() {
			return err
		}
		if r.State == Asked {
			pending = r.Challenge // its settling ends the enrolment
			return nil
		}
		r.State = Expired
		return s.end(tx, r)
	})
	if err == nil && pending != "" {
		_, err = s.Challenges.Cancel(ctx, "", pending)
	}
	return err
}

// CancelOwn ends the open links that a user made, in the transaction of what
// takes the trust in whoever made them away: a new password. An administrator's
// links stay. A device that was asked for its number already enrols nothing with
// it; the function that is returned takes the question back from it, once the
// transaction is on disk.
func (s *Service) CancelOwn(tx store.Tx, user string) (tell func(context.Context) error, err error) {
	ids, err := ownLinks.All(tx, store.Range{Prefix: user + "\x00"})
	if err != nil {
		return nil, err
	}
	var asked []string
	for _, id := range ids {
		r, err := get(tx, id)
		if err != nil {
			return nil, err
		}
		if r.State == Asked {
			asked = append(asked, r.Challenge)
		}
		r.State, r.Number = Expired, ""
		if err := s.end(tx, r); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) error {
		for _, challenge := range asked {
			if _, err := s.Challenges.Cancel(ctx, "", challenge); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
