// Package otp computes one-time passwords and reads and writes the links that
// carry their keys.
//
// A [Key] is everything that a code depends on: the kind of code, the shared
// secret, and its parameters. Five kinds are in use: TOTP (RFC 6238) and HOTP
// (RFC 4226), the OATH standards; Steam Guard, which is TOTP in another
// alphabet; Yandex.Key and Mobile-OTP, which mix in a PIN.
//
// Keys travel as otpauth:// links, mostly inside QR codes. Their format was
// never standardised, so [ParseURI] is kind where writers differ (escaping,
// case, spacing: all of it means one thing) and strict where a guess could
// produce wrong codes for years: an unknown algorithm or a digit count nobody
// uses is refused with a [FieldError] that names the field. [Key.URI] writes
// one canonical form, and ParseURI reads it back unchanged.
//
// Secrets redact themselves: no fmt verb and no slog handler prints them.
package otp
