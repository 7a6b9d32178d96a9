package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TLS is what it takes to talk to a server over TLS: files in PEM.
type TLS struct {
	Addr      string // where it speaks TLS
	CA        string // the authority that has signed its certificate
	Cert, Key string // a client's own, signed by the same
}

// StartTLS is Start for a server that speaks TLS as well, on a port of its own, and wants a certificate of its clients there. Its certificate is for 127.0.0.1.
func StartTLS(t testing.TB, args ...string) (*Server, TLS) {
	t.Helper()
	dir := t.TempDir()
	k := TLS{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "client.pem"), Key: filepath.Join(dir, "client.key")}
	caCert, caKey := certify(t, k.CA, filepath.Join(dir, "ca.key"), nil, nil)
	cert, key := filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
	certify(t, cert, key, caCert, caKey)
	certify(t, k.Cert, k.Key, caCert, caKey)
	port := strconv.Itoa(freePort(t))
	k.Addr = net.JoinHostPort("127.0.0.1", port)
	s := Start(t, append([]string{"--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", k.CA, "--tls-auth-clients", "yes"}, args...)...)
	return s, k
}

// certify writes a key and its certificate, signed by the parent, or an authority's own without one.
func certify(t testing.TB, certFile, keyFile string, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: filepath.Base(certFile)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if parent == nil {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c, key
}
