package main

import (
	"fmt"
	"path/filepath"
)

// claim makes this process the one that serves a data folder, until release or
// its end, however it ends. A second server on the same data would hear half of
// the devices and wake none of the other's waiters. Commands need no claim.
func claim(folder string) (release func() error, err error) {
	path := filepath.Join(folder, "serving")
	file, err := openAlone(path)
	if err != nil {
		return nil, fmt.Errorf("another countersignd may serve %s: %w", folder, err)
	}
	return file.Close, nil
}
