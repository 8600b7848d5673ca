package realkafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Secure is a broker with listeners that encrypt and ask who is there, besides its plain one.
type Secure struct {
	*Broker
	// SASL is host:port of a listener with TLS and SASL: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 for User and Password.
	SASL string
	// TLS is host:port of a listener that wants a certificate of the client.
	TLS string
	// User and Password are those of the one user.
	User, Password string
	// CA, Cert and Key are PEM files: the authority that signed all certificates, and one for a client.
	CA, Cert, Key string
}

// StartSecure starts a JVM broker as Start does, with secure listeners. ErrUnavailable is returned where there is no JDK
// or no Maven; containers are not used.
func StartSecure(ctx context.Context, version string, o Options) (*Secure, error) {
	if !jvmPossible() {
		return nil, ErrUnavailable
	}
	if o.HeapMB == 0 {
		o.HeapMB = 512
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	ports, err := freePorts(5)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "realkafka-tls-")
	if err != nil {
		return nil, err
	}
	s := &Secure{
		SASL: fmt.Sprintf("127.0.0.1:%d", ports[3]), TLS: fmt.Sprintf("127.0.0.1:%d", ports[4]),
		User: "shop", Password: "pa55-" + filepath.Base(dir),
		CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "client.pem"), Key: filepath.Join(dir, "client.key"),
	}
	store := filepath.Join(dir, "broker.pem")
	if err := s.certificates(store); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	n := node{id: 1, ports: ports[:3], voters: fmt.Sprintf("1@127.0.0.1:%d", ports[2])}
	n.more = []string{"SAFE://" + s.SASL, "CERT://" + s.TLS}
	for _, m := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		n.format = append(n.format, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", m, s.User, s.Password))
	}
	const module = "org.apache.kafka.common.security"
	props := map[string]string{
		"listener.security.protocol.map":            "PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,SAFE:SASL_SSL,CERT:SSL",
		"ssl.keystore.type":                         "PEM",
		"ssl.keystore.location":                     store,
		"ssl.truststore.type":                       "PEM",
		"ssl.truststore.location":                   s.CA,
		"listener.name.cert.ssl.client.auth":        "required",
		"sasl.enabled.mechanisms":                   "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"listener.name.safe.ssl.client.auth":        "none",
		"connection.failed.authentication.delay.ms": "50",
		"listener.name.safe.plain.sasl.jaas.config": fmt.Sprintf(`%s.plain.PlainLoginModule required user_%s=%q;`, module, s.User, s.Password),
	}
	for _, m := range []string{"scram-sha-256", "scram-sha-512"} {
		props["listener.name.safe."+m+".sasl.jaas.config"] = module + ".scram.ScramLoginModule required;"
	}
	maps.Copy(props, o.Properties)
	o.Properties = props
	b, err := startNode(ctx, version, o, n)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting Apache Kafka %s: %w", version, err), os.RemoveAll(dir))
	}
	stop := b.stop
	b.stop = func(ctx context.Context) error { return errors.Join(stop(ctx), os.RemoveAll(dir)) }
	s.Broker = b
	if err := b.waitReady(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("broker of Apache Kafka %s at %s is not ready: %w", version, b.Addr, err), b.Stop()) //nolint:contextcheck // stopping has its own time
	}
	return s, nil
}

// certificates writes an authority, and certificates signed by it for the broker (key and chain in one file, as Kafka
// wants them) and for a client.
func (s *Secure) certificates(store string) error {
	root := &x509.Certificate{Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootKey, rootPEM, _, err := issue(root, root, nil)
	if err != nil {
		return err
	}
	leaf := func(name string) *x509.Certificate {
		return &x509.Certificate{
			Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
	}
	_, broker, brokerKey, err := issue(leaf("broker"), root, rootKey)
	if err != nil {
		return err
	}
	_, client, clientKey, err := issue(leaf("client"), root, rootKey)
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		s.CA: rootPEM, store: append(brokerKey, append(broker, rootPEM...)...), s.Cert: client, s.Key: clientKey,
	} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// issue makes a key and a certificate for it, valid for an hour, signed by the parent's key; without one by its own.
func issue(c, parent *x509.Certificate, signer *ecdsa.PrivateKey) (key *ecdsa.PrivateKey, certPEM, keyPEM []byte, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, nil, err
	}
	if signer == nil {
		signer = key
	}
	if c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return nil, nil, nil, err
	}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, nil, err
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	return key, certPEM, keyPEM, nil
}
