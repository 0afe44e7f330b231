// Package web holds the files of the verifier's pages: templates, style sheet,
// script, mark and translations. It has no logic.
package web

import "embed"

// Files has the folders templates, static and translations.
//
//go:embed templates/*.html static/* translations/*.json
var Files embed.FS
