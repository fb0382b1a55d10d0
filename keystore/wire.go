package keystore

import (
	"encoding/binary"
	"math/big"
)

// wire reads the data types of RFC 4251, section 5. The first failure sticks:
// callers read all fields and ask bad once.
type wire struct {
	rest []byte
	bad  bool
}

func (w *wire) take(n uint64) []byte {
	if w.bad || n > uint64(len(w.rest)) {
		w.bad = true
		return nil
	}
	b := w.rest[:n:n]
	w.rest = w.rest[n:]
	return b
}

func (w *wire) byte() byte {
	if b := w.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (w *wire) uint32() uint32 {
	if b := w.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// string gives a part of the input, not a copy.
func (w *wire) string() []byte { return w.take(uint64(w.uint32())) }

// mpint reads a number of a key. Negative ones and ones longer than an RSA
// modulus may be are failures.
func (w *wire) mpint() *big.Int { return w.number(w.string()) }

// number takes the content of an mpint.
func (w *wire) number(b []byte) *big.Int {
	if len(b) > maxRSABits/8+1 || len(b) > 0 && b[0]&0x80 != 0 {
		w.bad = true
		return new(big.Int)
	}
	return new(big.Int).SetBytes(b)
}

func appendUint32(b []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(b, n) }

func appendString[T ~string | ~[]byte](b []byte, s T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// appendMpint writes a number that is not negative.
func appendMpint(b []byte, n *big.Int) []byte {
	digits := n.Bytes()
	if len(digits) > 0 && digits[0]&0x80 != 0 {
		digits = append([]byte{0}, digits...)
	}
	return appendString(b, digits)
}
