// Package translations holds the app's texts: a JSON file a language, a text or
// its plural forms a key.
package translations

import "embed"

//go:embed *.json
var files embed.FS

// Files is the folder of LANGUAGE.json files.
func Files() embed.FS { return files }
