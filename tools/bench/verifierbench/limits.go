package verifierbench

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"countersign/crypto/identity"
	"countersign/message"
	"countersign/verifier"
)

// MeasureCrypto is how many sign-ins a second the cryptography alone would
// allow, on all cores: challenge, answer and outcome, each signed, encrypted,
// decrypted, verified and decoded as in the service.
func MeasureCrypto(ctx context.Context, d time.Duration) (float64, error) {
	keys, dev, err := parties()
	if err != nil {
		return 0, err
	}
	group, _ := errgroup.WithContext(ctx)
	counts := make([]int, runtime.GOMAXPROCS(0))
	begin := time.Now()
	for i := range counts {
		group.Go(func() error {
			for time.Since(begin) < d {
				if err := exchange(keys, dev); err != nil {
					return err
				}
				counts[i]++
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / time.Since(begin).Seconds(), nil
}

func parties() (verifier.Keys, *device, error) {
	as, err := newDevice("verifier", verifier.Keys{})
	if err != nil {
		return verifier.Keys{}, nil, err
	}
	keys := verifier.Keys{Signing: as.signing, Encryption: as.encryption}
	dev, err := newDevice("user", keys)
	return keys, dev, err
}

func exchange(keys verifier.Keys, d *device) error {
	c := message.Challenge{
		Claims:   message.NewClaims(keys.Signing.Thumbprint(), d.signing.Thumbprint(), time.Now(), time.Minute),
		Scenario: message.ScenarioMFA, Mode: message.ModeNumber, Digits: 2,
		App: "Bench", IP: "192.0.2.7", Location: "Bangkok, Thailand", MinAppVersion: message.MinAppVersion,
	}
	sealed, err := message.Seal(c, keys.Signing, d.encryption.Public())
	if err != nil {
		return err
	}
	if _, err := d.open(sealed); err != nil {
		return err
	}
	if sealed, err = d.reply(c, "42"); err != nil {
		return err
	}
	// Our own messages are trusted here: what is measured is the arithmetic.
	if _, _, err = message.Open(sealed, keys.Encryption, keys.Signing.Thumbprint(), time.Now(), anyone); err != nil {
		return err
	}
	sealed, err = message.Seal(message.Outcome{
		Claims:    message.NewClaims(keys.Signing.Thumbprint(), d.signing.Thumbprint(), time.Now(), time.Minute),
		Challenge: c.ID, State: message.StateApproved,
	}, keys.Signing, d.encryption.Public())
	if err != nil {
		return err
	}
	_, err = d.open(sealed)
	return err
}

func anyone(string, identity.PublicKey) error { return nil }

// Times are two percentiles of what was measured many times.
type Times struct{ P50, P99 time.Duration }

func percentiles(took []time.Duration) Times {
	slices.Sort(took)
	return Times{P50: took[len(took)/2], P99: took[len(took)*99/100]}
}

// MeasureFsync is how long it takes to append 4 KiB to a file in dir and sync it,
// twice, as a sign-in commits twice: measured for d.
func MeasureFsync(dir string, d time.Duration) (times Times, err error) {
	file, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return Times{}, err
	}
	defer func() {
		if closed := file.Close(); err == nil {
			err = closed
		}
	}()
	block := make([]byte, 4096)
	var took []time.Duration
	for begin := time.Now(); time.Since(begin) < d; {
		start := time.Now()
		for range 2 {
			if _, err := file.Write(block); err != nil {
				return Times{}, err
			}
			if err := file.Sync(); err != nil {
				return Times{}, err
			}
		}
		took = append(took, time.Since(start))
	}
	return percentiles(took), nil
}
