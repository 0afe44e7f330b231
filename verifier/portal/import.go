package portal

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"countersign/verifier/directory"
	"countersign/verifier/store"
)

const (
	importPath = "/admin/users/import"
	maxImport  = 9 << 20 // octets of the form: the directory takes 8 MiB of file
)

// importView is the data of admin-import.html.
type importView struct {
	Text  string // the file, to be mended on the page
	Lines []lineView
	Error string
}

type lineView struct {
	Line  int // 0 where an error has none
	Words string
}

func (p *Portal) showImport(w http.ResponseWriter, r *http.Request, who admin) error {
	return p.view(w, r, who, http.StatusOK, "import", "admin.import", importView{})
}

// importUsers is POST /admin/users/import: all users of the file, or none, with
// the errors of every line.
func (p *Portal) importUsers(w http.ResponseWriter, r *http.Request, who admin) error {
	text, err := importedText(r)
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" {
		status, said, _ := p.refusal(r, mistake("refused.no_file"))
		return p.view(w, r, who, status, "import", "admin.import", importView{Error: said})
	}
	count := 0
	err = p.Store.Update(r.Context(), func(tx store.Tx) (err error) {
		count, err = p.Directory.As(who.user.ID).ImportUsers(tx, strings.NewReader(text))
		return err
	})
	if lines, ok := p.importErrors(r, err); ok {
		return p.view(w, r, who, http.StatusUnprocessableEntity, "import", "admin.import", importView{Text: text, Lines: lines})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/admin/users?imported="+strconv.Itoa(count))
}

// importedText is the chosen file, or else what is in the field.
func importedText(r *http.Request) (string, error) {
	if err := r.ParseMultipartForm(maxImport); err != nil {
		return "", errors.Join(errForm, err)
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }() // all of it is in memory
	file, _, err := r.FormFile("file")
	if errors.Is(err, http.ErrMissingFile) {
		return r.PostForm.Get("text"), nil
	}
	if err != nil {
		return "", errors.Join(errForm, err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(file)
	if err != nil {
		return "", fmt.Errorf("portal: reading the file: %w", err)
	}
	if len(text) == 0 {
		return r.PostForm.Get("text"), nil
	}
	return string(text), nil
}

// importErrors takes an import's error apart, line by line. ok is false for one
// that is not the file's.
func (p *Portal) importErrors(r *http.Request, err error) (lines []lineView, ok bool) {
	if err == nil {
		return nil, false
	}
	all := []error{err}
	// The joined error itself is taken apart, not one inside it.
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, e := range all {
		_, said, ok := p.refusal(r, e)
		if !ok {
			return nil, false
		}
		at := lineView{Words: said}
		var line *directory.LineError
		if errors.As(e, &line) {
			at.Line = line.Line
		}
		lines = append(lines, at)
	}
	return lines, true
}
