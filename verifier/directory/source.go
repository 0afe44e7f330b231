package directory

import "net/netip"

// Network is what counts as one source of guesses and starts. A customer's line
// gets an IPv6 /64 or more: whoever has one would else have more addresses than
// any limit by address can count. What is no address, such as a client's id,
// stays as it is.
func Network(source string) string {
	address, err := netip.ParseAddr(source)
	if err != nil {
		return source
	}
	address = address.Unmap().WithZone("")
	if address.Is4() {
		return address.String()
	}
	return netip.PrefixFrom(address, 64).Masked().String()
}
