package keystore

// What one key file may cost. A file over a limit is refused with *LimitError
// before the work is begun.
const (
	maxFile       = 1 << 20  // bytes of a key file
	maxPublicBlob = 64 << 10 // bytes of a public key in wire form; RSA of 16,384 bits takes 2 KiB
	maxComment    = 1 << 10  // bytes of a comment that are kept

	minRSABits = 1024 // crypto/rsa signs with no less
	maxRSABits = 16384
	maxPKCS1   = 12 << 10 // bytes; RSA of 16,384 bits takes 9.2 KiB

	maxBcryptRounds      = 4096
	maxPBKDF2Iterations  = 10_000_000
	maxScryptMemory      = 1 << 30  // bytes: 128 × N × r
	maxScryptLanes       = 32 << 20 // bytes: 128 × p × r, which come on top
	maxScryptParallelism = 16       // time grows with it
	maxArgonMemory       = 1 << 20  // KiB
	maxArgonWork         = 16 << 20 // KiB × passes
	maxArgonParallelism  = 255
)

// limit gives *LimitError where value is over max.
func limit(what string, value, max uint64, unit string) error {
	if value <= max {
		return nil
	}
	return &LimitError{What: what, Value: value, Max: max, Unit: unit}
}
