package e2e

import "helm.sh/helm/v3/pkg/registry"

// How users of each client sign in, as its manual says.

func craneSignIn(s *session) error {
	return s.do("crane", "auth", "login", s.base.Host, "--username", s.login.Username, "--password", s.login.Password)
}

func orasSignIn(s *session) error {
	_, err := s.oras("login", s.base.Host, "--username", s.login.Username, "--password", s.login.Password)
	return err
}

func regctlSignIn(s *session) error {
	return s.do("regctl", "registry", "login", s.base.Host, "--user", s.login.Username, "--pass", s.login.Password)
}

func helmSignIn(s *session) error {
	return s.helm("registry", "login", s.base.Host, "--username", s.login.Username, "--password", s.login.Password)
}

func helmGoSignIn(s *session) error {
	client, err := s.helmClient()
	if err != nil {
		return err
	}
	return client.Login(s.base.Host,
		registry.LoginOptPlainText(!s.tls()), registry.LoginOptBasicAuth(s.login.Username, s.login.Password))
}
