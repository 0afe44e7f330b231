package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"countersign/crypto/atomicfile"
)

// Folder is a place that holds files by name: a folder on a disk ([Dir]), or
// one that a phone's user chose, which is reached in other ways.
type Folder interface {
	// Put stores a file whole, or not at all. It replaces none.
	Put(ctx context.Context, name string, write func(io.Writer) error) error
	// Names lists the files, in no certain order.
	Names(ctx context.Context) ([]string, error)
	// Open reads a file.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Remove deletes a file.
	Remove(ctx context.Context, name string) error
}

// Versions writes a backup after the other into a folder, under names that
// tell the time, and keeps the latest few. Files with other names are left
// alone.
type Versions struct {
	Folder Folder
	Prefix string           // begins every name: letters, digits and '-'
	Keep   int              // how many to keep; at least 1
	Now    func() time.Time // the clock
}

// Version is one backup in the folder.
type Version struct {
	Name string
	Time time.Time // UTC, to the millisecond
}

// nameTime is ISO 8601 basic form in UTC, without colons, which Windows
// forbids; sorted by name the files are sorted by time.
const nameTime = "20060102T150405.000Z"

const nameSuffix = ".age"

// Write makes a new version and then removes the oldest beyond Keep. When the
// new one cannot be written nothing is removed; when only an old one cannot be
// removed, the new version is returned along with the error.
func (v Versions) Write(ctx context.Context, write func(io.Writer) error) (Version, error) {
	if err := v.check(); err != nil {
		return Version{}, err
	}
	now := v.Now().UTC().Truncate(time.Millisecond)
	version := Version{Name: v.name(now), Time: now}
	if err := v.Folder.Put(ctx, version.Name, write); err != nil {
		return Version{}, fmt.Errorf("write the backup %s: %w", version.Name, err)
	}
	return version, v.prune(ctx, version)
}

// List returns the versions in the folder, the newest first.
func (v Versions) List(ctx context.Context) ([]Version, error) {
	names, err := v.Folder.Names(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the backups: %w", err)
	}
	var versions []Version
	for _, name := range names {
		if t, ok := v.parse(name); ok {
			versions = append(versions, Version{Name: name, Time: t})
		}
	}
	slices.SortFunc(versions, func(a, b Version) int { return b.Time.Compare(a.Time) })
	return versions, nil
}

// prune removes what is older than the Keep newest. The version just written
// is never removed: after a clock was set back it is the oldest by name.
func (v Versions) prune(ctx context.Context, written Version) error {
	versions, err := v.List(ctx)
	if err != nil {
		return err
	}
	versions = slices.DeleteFunc(versions, func(old Version) bool { return old.Name == written.Name })
	var failed []error
	for _, old := range versions[min(v.Keep-1, len(versions)):] {
		if err := v.Folder.Remove(ctx, old.Name); err != nil {
			failed = append(failed, fmt.Errorf("remove the old backup %s: %w", old.Name, err))
		}
	}
	return errors.Join(failed...)
}

func (v Versions) check() error {
	if v.Keep < 1 {
		return fmt.Errorf("versioned backups: keep is %d, want at least 1", v.Keep)
	}
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	if v.Prefix == "" || strings.Trim(v.Prefix, allowed) != "" {
		return fmt.Errorf("versioned backups: prefix %q, want letters, digits and -", v.Prefix)
	}
	return nil
}

func (v Versions) name(t time.Time) string { return v.Prefix + "-" + t.Format(nameTime) + nameSuffix }

// parse undoes name; a name that it would not have made is not ours.
func (v Versions) parse(name string) (time.Time, bool) {
	stamp, ok := strings.CutPrefix(name, v.Prefix+"-")
	if !ok {
		return time.Time{}, false
	}
	stamp, ok = strings.CutSuffix(stamp, nameSuffix)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(nameTime, stamp)
	if err != nil || v.name(t) != name {
		return time.Time{}, false
	}
	return t, true
}

// Dir is a folder on a disk. Put creates it when it is not there.
type Dir string

// Put implements Folder.
func (d Dir) Put(ctx context.Context, name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	path := filepath.Join(string(d), name)
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, os.ErrExist)
	}
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := write(cancellable{ctx, f}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.Commit()
}

// Names implements Folder. A folder that is not there yet holds none.
func (d Dir) Names(context.Context) ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Open implements Folder.
func (d Dir) Open(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(d), filepath.Base(name)))
}

// Remove implements Folder.
func (d Dir) Remove(_ context.Context, name string) error {
	return atomicfile.Remove(filepath.Join(string(d), filepath.Base(name)))
}
