package demo

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"
)

// newID makes an id as OpenStack's services do, a random UUID.
func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// hexID makes an id as keystone does, 32 hexadecimal digits.
func hexID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// seconds and micros are the two forms in which the APIs write a time.
func seconds(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func micros(t time.Time) string {
	return t.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05.000000") // the databases keep seconds
}

// hardware is a MAC address as neutron makes them.
type hardware [6]byte

func newMAC() hardware {
	m := hardware{0xfa, 0x16, 0x3e}
	_, _ = rand.Read(m[3:])
	return m
}

func (m hardware) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// slaac is the address that RFC 4862 with RFC 4291's modified EUI-64 makes.
func (m hardware) slaac(prefix netip.Prefix) netip.Addr {
	b := prefix.Addr().As16()
	copy(b[8:], []byte{m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
	return netip.AddrFrom16(b)
}
