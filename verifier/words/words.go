// Package words holds what the verifier says to people, in every language that
// it speaks, and the errors that are meant for them.
//
// A refusal is raised far from whoever reads it: the directory does not know
// whether a page in Thai, a command line or a program over the API will show
// it. So it carries no sentence, but the key of one with what fills its
// placeholders. A page says it in its reader's language. Everywhere else it is
// said in English, which is a translation like the others: no sentence stands
// anywhere twice.
package words

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	assets "countersign/assets/web"
)

// English is the language of command lines, APIs and logs (BCP 47).
const English = "en"

// ErrNoText says that a translation lacks a text.
var ErrNoText = errors.New("words: no such text")

// Catalogue is the translations: language, key, text.
type Catalogue map[string]map[string]string

// Load reads the translations that the binary holds. An error means that it was
// built from broken files.
func Load() (Catalogue, error) {
	names, err := fs.Glob(assets.Files, "translations/*.json")
	if err != nil {
		return nil, fmt.Errorf("words: listing the translations: %w", err)
	}
	all := Catalogue{}
	for _, name := range names {
		body, err := assets.Files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("words: reading a translation: %w", err)
		}
		texts := map[string]string{}
		if err := json.Unmarshal(body, &texts); err != nil {
			return nil, fmt.Errorf("words: translation %s: %w", name, err)
		}
		all[strings.TrimSuffix(path.Base(name), ".json")] = texts
	}
	return all, nil
}

// Text is a text in a language, its placeholders, {name}, filled from pairs of
// name and value. A value that is a Text is said in the same language.
func (c Catalogue) Text(tag, key string, args ...any) (string, error) {
	s, ok := c[tag][key]
	if !ok {
		return "", fmt.Errorf("%w: %s in %s", ErrNoText, key, tag)
	}
	pairs := make([]string, 0, len(args))
	for i := 0; i+1 < len(args); i += 2 {
		value := fmt.Sprint(args[i+1])
		if part, ok := args[i+1].(Text); ok {
			var err error
			if value, err = c.Text(tag, part.Key, part.Args...); err != nil {
				return "", err
			}
		}
		pairs = append(pairs, "{"+fmt.Sprint(args[i])+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(s), nil
}

// Text is something to say, in no language yet.
type Text struct {
	Key  string // of the translations
	Args []any  // pairs of placeholder and value; a value may be a Text
}

// Of makes a Text.
func Of(key string, args ...any) Text { return Text{Key: key, Args: args} }

// loaded reads the translations once for all errors: an error has no
// constructor's argument by which its Error method could be given them.
var loaded = sync.OnceValues(Load)

// String is the text in English. It cannot fail, as a fmt.Stringer cannot: what
// has no text, which a test rules out, is its key.
func (t Text) String() string {
	all, err := loaded()
	if err != nil {
		return t.Key
	}
	s, err := all.Text(English, t.Key, t.Args...)
	if err != nil {
		return t.Key
	}
	return s
}

// Error is a refusal that a person can read, and mostly mend.
type Error struct {
	Text
	// Kind is what errors.Is finds in it; nil for none.
	Kind error
}

// Refuse makes an *Error.
func Refuse(kind error, key string, args ...any) error {
	return &Error{Text: Of(key, args...), Kind: kind}
}

// Error is the refusal in English.
func (e *Error) Error() string { return e.String() }

// Unwrap gives the kind.
func (e *Error) Unwrap() error { return e.Kind }
