package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"countersign/verifier/store"
)

// signerName names the key in signed heads.
const signerName = "countersign-audit"

// signerLabel is what the signing key is sealed under.
const signerLabel = "audit/signer"

// Head is a signed statement of what the log was at some size.
type Head struct {
	Size int64
	Hash tlog.Hash
	// Note is the signed text (golang.org/x/mod/sumdb/note around
	// tlog.FormatTree), to be kept where the database's owner cannot reach.
	Note []byte
}

// SignHead signs the head of the log as it stands, and stores it. Of an empty
// log there is none.
func (l *Log) SignHead(ctx context.Context) (Head, error) {
	var head Head
	err := l.store.Update(ctx, func(tx store.Tx) (err error) {
		head, err = l.signHead(tx)
		return err
	})
	return head, err
}

// Run signs a head every minute in which something happened, until ctx is done,
// and a last one then: else who can write the database could rewrite the newest
// events of a quiet day unseen.
func (l *Log) Run(ctx context.Context) error {
	ticker := time.NewTicker(headWithin)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastHead)
			defer cancel()
			l.signDue(ctx)
			return nil
		case <-ticker.C:
			l.signDue(ctx)
		}
	}
}

const (
	headWithin = time.Minute
	lastHead   = 5 * time.Second // for the head that is signed at the end
)

// signDue signs a head unless the last one says all. What fails is only logged:
// the next minute tries again.
func (l *Log) signDue(ctx context.Context) {
	due := false
	err := l.store.View(ctx, func(tx store.Tx) error {
		size, _, signed, err := l.Tree(tx)
		due = size > signed.Size
		return err
	})
	if err == nil && due {
		_, err = l.SignHead(ctx)
	}
	if err != nil && ctx.Err() == nil {
		l.logger.ErrorContext(ctx, "signing the audit log's head", "error", err)
	}
}

func (l *Log) signHead(tx store.Tx) (Head, error) {
	f, err := loadFrontier(tx)
	if err != nil || f.size == 0 {
		return Head{}, err
	}
	hash, err := f.treeHash()
	if err != nil {
		return Head{}, err
	}
	signer, _, err := l.keys(tx)
	if err != nil {
		return Head{}, err
	}
	text := tlog.FormatTree(tlog.Tree{N: f.size, Hash: hash})
	signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
	if err != nil {
		return Head{}, fmt.Errorf("audit: signing the head: %w", err)
	}
	if err := tx.Put(bucketHeads, numberKey(f.size), signed); err != nil {
		return Head{}, fmt.Errorf("audit: storing the head: %w", err)
	}
	// The process log usually lives elsewhere: there the head outlives
	// whoever rewrites this database.
	l.logger.Info("audit head signed", "size", f.size, "hash", hash.String())
	return Head{Size: f.size, Hash: hash, Note: signed}, nil
}

// openHead checks the signature of a head and reads it.
func openHead(signed []byte, verifier note.Verifier) (Head, error) {
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return Head{}, fmt.Errorf("%w: a head is not signed by this log's key", ErrTampered)
	}
	tree, err := tlog.ParseTree([]byte(n.Text))
	if err != nil {
		return Head{}, fmt.Errorf("%w: a signed head does not read", ErrTampered)
	}
	return Head{Size: tree.N, Hash: tree.Hash, Note: signed}, nil
}

// keys opens the log's signing key and the key that verifies what it signed,
// and makes them the first time.
func (l *Log) keys(tx store.Tx) (note.Signer, note.Verifier, error) {
	sealed, err := tx.Get(bucketState, keySigner)
	if errors.Is(err, store.ErrNotFound) {
		sealed, err = l.makeKeys(tx)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("audit: the signing key: %w", err)
	}
	pair, err := l.vault.Open(signerLabel, sealed)
	if err != nil {
		return nil, nil, fmt.Errorf("audit: the signing key: %w", err)
	}
	private, public, _ := strings.Cut(string(pair), "\n")
	signer, err := note.NewSigner(private)
	if err != nil {
		return nil, nil, fmt.Errorf("audit: the signing key: %w", err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		return nil, nil, fmt.Errorf("audit: the signing key: %w", err)
	}
	return signer, verifier, nil
}

func (l *Log) makeKeys(tx store.Tx) (sealed []byte, err error) {
	private, public, err := note.GenerateKey(rand.Reader, signerName)
	if err != nil {
		return nil, err
	}
	if sealed, err = l.vault.Seal(signerLabel, []byte(private+"\n"+public)); err != nil {
		return nil, err
	}
	return sealed, tx.Put(bucketState, keySigner, sealed)
}
