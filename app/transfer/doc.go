// Package transfer moves accounts between this authenticator and others: it
// reads their exports, plain and encrypted, and writes exports of its own.
//
// A file says by its content what it is; names and endings are only a hint.
// [Importer.Read] finds the format, asks for a password where one is needed,
// and gives back every account or none: an import that stops halfway leaves a
// user with two half-filled apps and no way to tell which codes are lost. What
// a file holds but this app cannot compute is listed as unsupported, by name
// and reason, so that the user can keep the old app for it.
//
// A file comes from outside and is hostile until proven dull. Sizes, counts
// and the cost of key derivation are bounded in limits.go before any work is
// done, and nothing of a file's secrets appears in an error.
//
// A wrong password is told from a damaged file ([ErrWrongPassword],
// [ErrDamaged]) where the format can tell them apart. Formats with one
// authenticated box and no check value cannot; there a box that does not open
// is reported as a wrong password, and the error says that damage is the other
// cause.
package transfer
