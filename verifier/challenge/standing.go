package challenge

import (
	"time"

	"countersign/verifier/store"
)

// Standing is what limits hold against a user at one moment, for an
// administrator to see and to release.
type Standing struct {
	User         string    // the user's id
	PushLocked   time.Time // since when; zero if not
	TOTPLocked   time.Time
	WrongNumbers int // in a row
	WrongCodes   int
	StartsToday  int           // starts after a first factor, within 24 hours
	Wait         time.Duration // until a start after a first factor may come; zero for at once
	Blocks       []Block       // sources that the user reported, the oldest first
}

// Block is a source that a user reported.
type Block struct {
	Source string
	Until  time.Time
}

// Held reports whether anything keeps the user, or a source, from a sign-in.
func (s Standing) Held() bool {
	return !s.PushLocked.IsZero() || !s.TOTPLocked.IsZero() || len(s.Blocks) > 0 || s.Wait > 0
}

// Standing says what holds against a user.
func (s *Service) Standing(tx store.Tx, user string) (Standing, error) {
	a, err := accountOf(tx, user)
	return s.standing(user, a), err
}

// Held gives the users against whom anything holds, at most so many, in the
// order of their ids.
func (s *Service) Held(tx store.Tx, most int) ([]Standing, error) {
	var held []Standing
	err := accounts.Scan(tx, store.Range{}, func(user string, a account) error {
		if user == decoys {
			return nil // a copy of somebody's counters
		}
		if standing := s.standing(user, a); standing.Held() {
			held = append(held, standing)
		}
		if len(held) == most {
			return store.Stop
		}
		return nil
	})
	return held, err
}

func (s *Service) standing(user string, a account) Standing {
	now := s.Now()
	standing := Standing{
		User: user, PushLocked: a.PushLocked, TOTPLocked: a.TOTPLocked,
		WrongNumbers: a.WrongNumbers, WrongCodes: a.WrongCodes, Wait: a.Push.wait(s.Limits, now),
	}
	for _, started := range a.Push.Starts {
		if now.Sub(time.Unix(started.At, 0)) < 24*time.Hour {
			standing.StartsToday += started.Count
		}
	}
	for _, b := range a.Blocks {
		if b.Until.After(now) {
			standing.Blocks = append(standing.Blocks, Block(b))
		}
	}
	return standing
}
