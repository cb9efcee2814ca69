package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
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
// tokens of service accounts. With a node's name and addresses, it also writes the two certificates
// of the node's kubelet, as a server and as a client, and the one by which the API server comes to
// kubelets. The key of the CA is not kept, so there are no other certificates.
func certificates() error {
	if len(os.Args) < 2 {
		return errors.New("usage: control_plane certificates FOLDER [NODE ADDRESS...]")
	}
	names := []string{"localhost", "kubernetes", "kubernetes.default.svc"}
	node := ""
	if len(os.Args) > 2 {
		node = os.Args[2]
		names = append(names, node)
	}
	addresses := []net.IP{net.IPv4(127, 0, 0, 1)}
	for _, text := range os.Args[min(3, len(os.Args)):] {
		address := net.ParseIP(text)
		if address == nil {
			return fmt.Errorf("%q is not an IP address", text)
		}
		addresses = append(addresses, address)
	}
	return writeCertificates(os.Args[1], node, names, addresses)
}

func writeCertificates(folder, node string, names []string, addresses []net.IP) error {
	ca, err := issue(nil, &x509.Certificate{
		Subject:               pkix.Name{CommonName: "control-plane-ca"},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IsCA:                  true,
		BasicConstraintsValid: true,
	})
	if err != nil {
		return err
	}
	accounts, err := newKey()
	if err != nil {
		return err
	}
	files := map[string]*pem.Block{
		"ca.crt":       certificateBlock(ca),
		"accounts.key": keyBlock(accounts),
		"accounts.pub": publicKeyBlock(accounts),
	}
	for file, subject := range subjects(node) {
		template := &x509.Certificate{
			Subject:     subject.name,
			KeyUsage:    x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{subject.use},
		}
		if subject.use == x509.ExtKeyUsageServerAuth {
			template.DNSNames, template.IPAddresses = names, addresses
		}
		made, err := issue(ca, template)
		if err != nil {
			return err
		}
		files[file+".crt"], files[file+".key"] = certificateBlock(made), keyBlock(made.key)
	}
	return writeAll(folder, files)
}

type subject struct {
	name pkix.Name
	use  x509.ExtKeyUsage
}

// subjects returns who has a certificate, by the name of its file.
func subjects(node string) map[string]subject {
	masters := []string{"system:masters"}
	all := map[string]subject{
		"server": {pkix.Name{CommonName: "kube-apiserver"}, x509.ExtKeyUsageServerAuth},
		"admin":  {pkix.Name{CommonName: "kubernetes-admin", Organization: masters}, x509.ExtKeyUsageClientAuth},
	}
	if node != "" {
		all["kubelet"] = subject{pkix.Name{CommonName: node}, x509.ExtKeyUsageServerAuth}
		all["node"] = subject{
			pkix.Name{CommonName: "system:node:" + node, Organization: []string{"system:nodes"}},
			x509.ExtKeyUsageClientAuth,
		}
		all["to-kubelets"] = subject{
			pkix.Name{CommonName: "kube-apiserver", Organization: masters}, x509.ExtKeyUsageClientAuth,
		}
	}
	return all
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
