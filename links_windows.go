package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows/registry"
)

// classes is where a user's own programs say what they open.
const classes = `Software\Classes\`

// schemes are the links that the app opens.
func schemes() []string { return []string{"countersign", "otpauth", "otpauth-migration"} }

// openLinks makes this program the one that opens links for this user, or no
// longer.
func openLinks(yes bool) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding the program's own name: %w", err)
	}
	// Quoted, and %1 too: an unquoted one would let a link pass for flags.
	command := `"` + program + `" -- "%1"`
	for _, scheme := range schemes() {
		path := classes + scheme
		if !yes {
			err = removeKeys(path+`\shell\open\command`, path+`\shell\open`, path+`\shell`, path)
		} else if err = setValue(path, "", "URL:"+scheme); err == nil {
			if err = setValue(path, "URL Protocol", ""); err == nil {
				err = setValue(path+`\shell\open\command`, "", command)
			}
		}
		if err != nil {
			return fmt.Errorf("telling Windows about %s links: %w", scheme, err)
		}
	}
	return nil
}

func setValue(path, name, value string) error {
	key, _, err := registry.CreateKey(registry.CURRENT_USER, path, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	return key.SetStringValue(name, value)
}

func removeKeys(paths ...string) error {
	for _, path := range paths {
		if err := registry.DeleteKey(registry.CURRENT_USER, path); err != nil && !errors.Is(err, registry.ErrNotExist) {
			return err
		}
	}
	return nil
}
