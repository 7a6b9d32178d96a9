package redact

// patterns are how cards print their digits in groups.
var patterns = [][]int{{4, 4, 4, 4, 3}, {4, 4, 4, 4}, {4, 6, 5}, {4, 6, 4}, {4, 3, 3, 3}}

// cardAt returns the end of the card number that begins at b[i], or 0. It wants the beginning of an issuer, a length that
// this issuer has and a check digit that is right, and that the digits stand alone. Without separators it takes lengths from 14 to
// 16 only: of 13 digits are times in milliseconds and article numbers, of 19 many identifiers.
func cardAt(b []byte, i int) int {
	if i > 0 {
		p := b[i-1]
		if isWord[p] || p == '.' || p >= 0x80 || p == '-' && i > 1 && isWord[b[i-2]] {
			return 0
		}
		if p == ' ' && i >= 5 && isDigit(b[i-2]) && isDigit(b[i-3]) && isUpper(b[i-4]) && isUpper(b[i-5]) {
			return 0 // an IBAN
		}
	}
	n := i
	for n < len(b) && n-i <= 16 && isDigit(b[n]) {
		n++
	}
	var digits [19]byte
	switch n - i {
	case 14, 15, 16:
		if alone(b, n) && validCard(append(digits[:0], b[i:n]...)) {
			return n
		}
	case 4:
		for _, p := range patterns {
			if end := grouped(b, i, p, digits[:0]); end > 0 {
				return end
			}
		}
	}
	return 0
}

// grouped returns the end of the card number that begins at b[i] in groups of these sizes, or 0.
func grouped(b []byte, i int, sizes []int, digits []byte) int {
	if i+4 >= len(b) {
		return 0
	}
	sep := b[i+4]
	if sep != ' ' && sep != '-' {
		return 0
	}
	for g, size := range sizes {
		if g > 0 {
			if i >= len(b) || b[i] != sep {
				return 0
			}
			i++
		}
		if i+size > len(b) {
			return 0
		}
		for _, c := range b[i : i+size] {
			if !isDigit(c) {
				return 0
			}
		}
		digits = append(digits, b[i:i+size]...)
		i += size
	}
	if !alone(b, i) || !validCard(digits) {
		return 0
	}
	return i
}

// alone reports that what ends before b[n] does not go on there.
func alone(b []byte, n int) bool {
	if n == len(b) {
		return true
	}
	if isWord[b[n]] || b[n] >= 0x80 {
		return false
	}
	return n+1 == len(b) || b[n] != '.' && b[n] != '-' || !isWord[b[n+1]]
}

// isCard reports that digits are the number of a card by themselves.
func isCard(digits []byte) bool {
	for _, c := range digits {
		if !isDigit(c) {
			return false
		}
	}
	return validCard(digits)
}

func validCard(digits []byte) bool {
	if len(digits) < 13 || len(digits) > 19 {
		return false
	}
	head := 0
	for _, c := range digits[:4] {
		head = head*10 + int(c-'0')
	}
	return issued(head, len(digits)) && luhn(digits)
}

// issued reports whether an issuer gives out numbers that begin with these four digits and are so long.
func issued(head, length int) bool {
	two := head / 100
	switch {
	case head/1000 == 4: // Visa
		return length == 13 || length == 16 || length == 19
	case two >= 51 && two <= 55, head >= 2221 && head <= 2720: // Mastercard
		return length == 16
	case two == 34, two == 37: // American Express
		return length == 15
	case head >= 3528 && head <= 3589: // JCB
		return length >= 16
	case head >= 3000 && head <= 3059, two == 36, two == 38, two == 39: // Diners
		return length == 14 || length == 16
	case head == 6011, two == 65, head >= 6440 && head <= 6499, two == 62: // Discover, UnionPay
		return length >= 16
	case head == 5018, head == 5020, head == 5038, head == 6304, head == 6759, head >= 6761 && head <= 6763: // Maestro
		return length >= 13
	}
	return false
}

// luhn checks the last digit.
func luhn(digits []byte) bool {
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if (len(digits)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
