package challenge

import (
	"crypto/rand"
	"fmt"
	"math/big"
)

// newNumber draws the number to match, uniformly: 10 to 99 with two digits,
// 000000 to 999999 with six (NIST SP 800-63B-4 §3.1.3.2 wants six).
func newNumber(digits int) (string, error) {
	low, count := int64(10), int64(90)
	if digits == 6 {
		low, count = 0, 1_000_000
	} else if digits != 2 {
		return "", fmt.Errorf("challenge: a number of %d digits", digits)
	}
	n, err := rand.Int(rand.Reader, big.NewInt(count))
	if err != nil {
		return "", fmt.Errorf("challenge: drawing a number: %w", err)
	}
	return fmt.Sprintf("%0*d", digits, low+n.Int64()), nil
}
