class Regcred < Formula
  desc "{{ summary }}"
  homepage "{{ repository }}"
  version "{{ version }}"
  license "Apache-2.0"
{% for os, block in [("darwin", "on_macos"), ("linux", "on_linux")] %}
{% set downloads = platforms | selectattr("os", "eq", os) | list %}
{% if downloads %}

  {{ block }} do
{% for arch, block in [("arm64", "on_arm"), ("amd64", "on_intel")] %}
{% for platform in downloads | selectattr("arch", "eq", arch) %}
    {{ block }} do
      url "{{ platform.uri }}"
      sha256 "{{ platform.sha256 }}"
    end
{% endfor %}
{% endfor %}
  end
{% endif %}
{% endfor %}

  def install
    bin.install "kubectl-regcred", "docker-credential-regcred", "completions/kubectl_complete-regcred"
    bash_completion.install "completions/kubectl-regcred.bash" => "kubectl-regcred"
    zsh_completion.install "completions/_kubectl-regcred"
    fish_completion.install "completions/kubectl-regcred.fish"
    man1.install Dir["man/*.1"]
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/kubectl-regcred version")
    assert_match version.to_s, shell_output("#{bin}/docker-credential-regcred version")
  end
end
