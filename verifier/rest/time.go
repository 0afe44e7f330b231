package rest

import "time"

// Time is a moment as answers give it: RFC 3339 in UTC with milliseconds, always
// of one length. A length that varied with the digits would make two answers
// that must look alike differ.
type Time time.Time

// MarshalText writes the time.
func (t Time) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"), nil
}

// IsZero reports whether there is no time to give.
func (t Time) IsZero() bool { return time.Time(t).IsZero() }
