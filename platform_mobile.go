//go:build android || ios

package main

import (
	"context"
	"image"

	"countersign/app"
)

// capture does not exist on phones: an app sees no screen but its own.
func capture() func() ([]image.Image, error) { return nil }

// clipboardImage does not exist on phones either.
func clipboardImage() func(context.Context) (image.Image, error) { return nil }

// backups do not exist on phones: a folder of the user's choice is reached there
// through the system's documents, and Fyne gives no lasting right to it.
func backups() app.BackupPlace { return nil }
