// Package fonts holds the app's typeface, Countersign Sans: Inter and Noto Sans
// Thai in one file a weight, so that a line has one height in every language and
// codes do not dance (merge.py makes it, OFL.txt is its licence).
package fonts

import _ "embed"

//go:embed CountersignSans-Regular.ttf
var regular []byte

//go:embed CountersignSans-Bold.ttf
var bold []byte

// Regular is the weight for reading, as TrueType.
func Regular() []byte { return regular }

// Bold is the weight for headings and codes, as TrueType.
func Bold() []byte { return bold }
