package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// A cluster that stays up for longer than this is started anew.
const validity = 90 * 24 * time.Hour

// certificates writes into a folder: ca.crt, the API server's own certificate, the one of an
// administrator, each with its key, and accounts.key and accounts.pub, which sign and prove the
// tokens of service accounts. The key of the CA is not kept, so there are no other certificates.
func certificates() int {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: control_plane certificates FOLDER")
		return 2
	}
	if err := writeCertificates(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "certificates:", err)
		return 1
	}
	return 0
}

func writeCertificates(folder string) error {
	ca, err := issue(nil, &x509.Certificate{
		Subject:               pkix.Name{CommonName: "control-plane-ca"},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IsCA:                  true,
		BasicConstraintsValid: true,
	})
	if err != nil {
		return err
	}
	server, err := issue(ca, &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default.svc"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
	if err != nil {
		return err
	}
	admin, err := issue(ca, &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kubernetes-admin", Organization: []string{"system:masters"}},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return err
	}
	accounts, err := newKey()
	if err != nil {
		return err
	}
	return writeAll(folder, map[string]*pem.Block{
		"ca.crt":       certificateBlock(ca),
		"server.crt":   certificateBlock(server),
		"server.key":   keyBlock(server.key),
		"admin.crt":    certificateBlock(admin),
		"admin.key":    keyBlock(admin.key),
		"accounts.key": keyBlock(accounts),
		"accounts.pub": publicKeyBlock(accounts),
	})
}

type identity struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// issue makes a key and has its certificate signed by an issuer, or by itself.
func issue(issuer *identity, template *x509.Certificate) (*identity, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	if issuer == nil {
		issuer = &identity{template, key}
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return nil, err
	}
	// Clocks of one machine do not differ, but a clock may be set back.
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(validity)
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.certificate, key.Public(), crypto.Signer(issuer.key))
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &identity{certificate, key}, err
}

func newKey() (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func certificateBlock(of *identity) *pem.Block {
	return &pem.Block{Type: "CERTIFICATE", Bytes: of.certificate.Raw}
}

// keyBlock encodes as PKCS #8, which WebCrypto reads.
func keyBlock(key *ecdsa.PrivateKey) *pem.Block {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err) // only for a kind of key that we do not make
	}
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}
}

func publicKeyBlock(key *ecdsa.PrivateKey) *pem.Block {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err)
	}
	return &pem.Block{Type: "PUBLIC KEY", Bytes: der}
}

func writeAll(folder string, files map[string]*pem.Block) error {
	for name, block := range files {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}
