//go:build darwin && !ios

package main

import "countersign/platform/applelinks"

// hearLinks opens the links that the system hands to the running app.
func hearLinks(open func(links []string)) error {
	return applelinks.Hear(func(link string) { open([]string{link}) })
}
