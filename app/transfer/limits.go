package transfer

// Limits on what an outside file may ask of this device. All of them are far
// above what the apps write themselves.
const (
	// MaxFileBytes bounds a file: a vault of 10,000 entries with icons.
	MaxFileBytes = 32 << 20

	// MaxEntries bounds the accounts of one import.
	MaxEntries = 10_000

	// MaxNoteBytes and MaxGroups bound what is kept beside a key.
	MaxNoteBytes = 16 << 10
	MaxGroups    = 64

	// MaxKDFMemory bounds the memory of one key derivation, in bytes. Ente
	// may ask for exactly this much.
	MaxKDFMemory = 1 << 30

	// MaxArgon2Passes, MaxArgon2Threads and MaxScryptParallel bound the time
	// that the memory is worked on.
	MaxArgon2Passes   = 32
	MaxArgon2Threads  = 16
	MaxScryptParallel = 16

	// MaxPBKDF2Iterations bounds PBKDF2: about ten seconds on a phone.
	MaxPBKDF2Iterations = 10_000_000

	// MaxAegisSlots bounds the password slots tried in one Aegis vault, each
	// of which costs a key derivation.
	MaxAegisSlots = 8

	// MaxBatchParts bounds the QR codes of one Google Authenticator export.
	MaxBatchParts = 256

	// MaxMigrationURI is the longest otpauth-migration:// link written: a QR
	// code that phones still read from a screen.
	MaxMigrationURI = 900
)
