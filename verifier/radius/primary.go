package radius

import (
	"context"
	"errors"

	"layeh.com/radius"

	"countersign/verifier/directory"
	"countersign/verifier/policy"
)

// primary checks the first factor. No push is sent and no code is asked for
// before it succeeds: otherwise anybody who knows a name could make its phone
// ring.
type primary interface {
	verify(ctx context.Context, f firstFactor) (grant, error)
}

// firstFactor is what a request offers for one.
type firstFactor struct {
	request
	source string // who guesses, for the limits on guesses
}

// What a primary refuses, for errors.Is; any other error means that it could
// not be asked.
var (
	errWrongPassword = errors.New("radius: wrong name or password")
	// errProtocol: a protocol that this primary cannot check.
	errProtocol = errors.New("radius: the authentication protocol is not supported")
	// errBusy: dropped, so that the client tries again.
	errBusy = errors.New("radius: too many sign-ins at once")
)

// refusedBy is a wrong password with what another server says about it, such as
// MS-CHAP-Error, which the client needs.
type refusedBy struct{ radius.Attributes }

func (refusedBy) Error() string   { return errWrongPassword.Error() }
func (refusedBy) Is(e error) bool { return e == errWrongPassword }

// local checks the directory's own passwords. They are argon2id hashes, so only
// PAP will do: every other protocol needs the password in the clear.
type local struct{ directory Directory }

func (l local) verify(ctx context.Context, f firstFactor) (grant, error) {
	if f.auth != policy.RADIUSPAP {
		return grant{}, errProtocol
	}
	user, err := l.directory.Authenticate(ctx, f.account(), f.password, f.source)
	var backoff *directory.BackoffError
	switch {
	case errors.Is(err, directory.ErrBusy):
		return grant{}, errBusy
	case errors.Is(err, directory.ErrWrongPassword), errors.Is(err, directory.ErrPasswordLocked), errors.As(err, &backoff):
		return grant{}, errWrongPassword
	case err != nil:
		return grant{}, err
	}
	return grant{user: user.Name}, nil
}

// none is for a gateway that has checked the first factor itself and sends
// none. It is chosen explicitly, and only signed requests reach it.
type none struct{}

func (none) verify(_ context.Context, f firstFactor) (grant, error) {
	return grant{user: f.account()}, nil
}
