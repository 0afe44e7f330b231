//go:build !windows

package main

import "errors"

// openLinks is not the program's to do here.
func openLinks(bool) error {
	return errors.New("--open-links is for Windows; elsewhere the package that is installed says what opens links")
}
