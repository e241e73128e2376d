"""LFADS' push-mean pass in numpy, float64, written from the equations alone.

It reads TF1's variables by their keys in `model_params` and shares no code with the package, so
that it can judge combinations of options for which no folder of TF1 is at hand.
"""

from __future__ import annotations

import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


class NumpyLfads:
    """A trained network: settings as in `hyperparameters-*.txt`, variables as in `model_params`."""

    def __init__(self, settings: dict, arrays: dict) -> None:
        self.s = settings
        self.v = {
            key.removeprefix("LFADS_").removesuffix(":0"): np.asarray(array, np.float64)
            for key, array in arrays.items()
        }

    # ------------------------------------------------------------------------------------ cells

    def encoder_cell(self, name, x, h):
        joint = np.concatenate([x, h], axis=1)
        ru = joint @ self.v[f"{name}_Gates_xh_2_ru_W"] + self.v[f"{name}_Gates_xh_2_ru_b"]
        n = h.shape[1]
        r, u = sigmoid(ru[:, :n]), sigmoid(ru[:, n:] + 1.0)
        joint = np.concatenate([x, r * h], axis=1)
        c = np.tanh(
            joint @ self.v[f"{name}_Candidate_xrh_2_c_W"] + self.v[f"{name}_Candidate_xrh_2_c_b"]
        )
        return self.clip(u * h + (1 - u) * c)

    def generator_cell(self, name, x, h):
        ru = h @ self.v[f"{name}_Gates_h_2_ru_W"] + self.v[f"{name}_Gates_h_2_ru_b"]
        if x is not None:
            ru = ru + x @ self.v[f"{name}_Gates_x_2_ru_W"]
        n = h.shape[1]
        r, u = sigmoid(ru[:, :n]), sigmoid(ru[:, n:] + 1.0)
        c = (r * h) @ self.v[f"{name}_Candidate_rh_2_c_W"] + self.v[f"{name}_Candidate_rh_2_c_b"]
        if x is not None:
            c = c + x @ self.v[f"{name}_Candidate_x_2_c_W"]
        return self.clip(u * h + (1 - u) * np.tanh(c))

    def clip(self, h):
        return np.clip(h, -self.s["cell_clip_value"], self.s["cell_clip_value"])

    def run_encoder(self, name, xs, backward):
        way = "rev" if backward else "fwd"
        h = np.repeat(self.v[f"{name}_{way}_{name}_t0_{way}"], len(xs[0]), axis=0)
        states = [None] * len(xs)
        order = range(len(xs))
        for t in reversed(order) if backward else order:
            h = self.encoder_cell(f"{name}_{way}_GRU", xs[t], h)
            states[t] = h
        return states

    # ------------------------------------------------------------------------------------- pass

    def push_mean(self, session: str, counts, external=None) -> dict:
        """Pass trials (trials, bins, channels) with the posterior means."""
        s, v = self.s, self.v
        n_trials, n_bins, _ = counts.shape
        x = np.asarray(counts, np.float64)
        if f"x_2_infac_{session}.h5_W" in v:
            x = x @ v[f"x_2_infac_{session}.h5_W"] + v[f"x_2_infac_{session}.h5_b"]
        if s["ext_input_dim"] and not s["inject_ext_input_to_gen"]:
            x = np.concatenate([x, external], axis=2)
        xs = [x[:, t] for t in range(n_bins)]
        out = {}
        if s["ic_dim"]:
            n = min(s["num_steps_for_gen_ic"] or n_bins, n_bins)
            forward = self.run_encoder("ic_enc", xs[:n], backward=False)[-1]
            reverse = self.run_encoder("ic_enc", xs[:n], backward=True)[0]
            summary = np.concatenate([forward, reverse], axis=1)
            g0 = summary @ v["z_ic_enc_2_post_g0_mean_W"] + v["z_ic_enc_2_post_g0_mean_b"]
            logvar = summary @ v["z_ic_enc_2_post_g0_logvar_W"] + v["z_ic_enc_2_post_g0_logvar_b"]
            out["post_g0_mean"] = g0
            out["post_g0_logvar"] = np.log(np.exp(logvar) + s["ic_post_var_min"])
            out["prior_g0_mean"] = np.repeat(v["z_prior_g0_mean"], n_trials, axis=0)
            out["prior_g0_logvar"] = np.repeat(self.prior_logvar(), n_trials, axis=0)
            g = (
                g0
                if s["ic_dim"] == s["gen_dim"]
                else g0 @ v["gen_g0_2_gen_ic_W"] + v["gen_g0_2_gen_ic_b"]
            )
        else:
            g = np.repeat(v["gen_g0"], n_trials, axis=0)
        out["gen_ics"] = g
        self.generate(session, xs, external, g, out)
        return out

    def prior_logvar(self):
        low, high = self.s["ic_prior_var_min"], self.s["ic_prior_var_max"]
        theta = self.v["z_prior_g0_logvar"]
        if high <= low:
            return theta
        return np.log(sigmoid(np.exp(theta)) * (high - low) + low)

    def generate(self, session, xs, external, g, out):
        s, v = self.s, self.v
        n_bins, n_trials = len(xs), len(g)
        W_fac = v["gen_gen_2_fac_W"] / np.linalg.norm(v["gen_gen_2_fac_W"], axis=0)
        if s["co_dim"]:
            c_fwd = self.run_encoder("ci_enc", xs, backward=False)
            c_rev = None
            if not s["do_causal_controller"]:
                c_rev = self.run_encoder("ci_enc", xs, backward=True)
            k = np.repeat(v["con_c0"], n_trials, axis=0)
        f = g @ W_fac
        states, factors, inputs, logvars = [], [], [], []
        for t in range(n_bins):
            pieces = []
            if s["co_dim"]:
                lag, zeros = s["controller_input_lag"], np.zeros((n_trials, s["ci_enc_dim"]))
                q = [c_fwd[t - lag] if t - lag >= 0 else zeros]
                if c_rev is not None:
                    q.append(c_rev[t + lag] if t + lag < n_bins else zeros)
                if s["do_feed_factors_to_controller"]:
                    rates = s["feedback_factors_or_rates"] == "rates"
                    q.append(np.exp(self.read_out(session, f)[0]) if rates else f)
                k = self.generator_cell("con_GenGRU", np.concatenate(q, axis=1), k)
                u = k @ v["con_con_to_post_co_mean_W"] + v["con_con_to_post_co_mean_b"]
                logvars.append(
                    k @ v["con_con_to_post_co_logvar_W"] + v["con_con_to_post_co_logvar_b"]
                )
                inputs.append(u)
                pieces.append(u)
            if s["ext_input_dim"] and s["inject_ext_input_to_gen"]:
                pieces.append(external[:, t])
            x = np.concatenate(pieces, axis=1) if pieces else None
            g = self.generator_cell("gen_GenGRU", x, g)
            f = g @ W_fac
            states.append(g)
            factors.append(f)
        out["gen_states"], out["factors"] = np.stack(states, 1), np.stack(factors, 1)
        if s["co_dim"]:
            out["controller_outputs"] = np.stack(inputs, 1)
            out["co_logvars"] = np.stack(logvars, 1)
        heads = self.read_out(session, out["factors"])
        if s["output_dist"] == "poisson":
            out["output_dist_params"] = np.exp(np.clip(heads[0], -80, 80))
        else:
            out["output_dist_params"] = np.concatenate([heads[0], np.exp(heads[1])], axis=-1)

    def read_out(self, session, factors):
        if self.s["output_dist"] == "gaussian":
            names = ("fac_2_means", "fac_2_logvars")
        else:
            names = ("fac_2_logrates",)
        keys = [f"glm_{name}_{session}.h5" for name in names]
        if f"{keys[0]}_W" not in self.v:
            return [factors]
        return [factors @ self.v[f"{key}_W"] + self.v[f"{key}_b"] for key in keys]

    # ------------------------------------------------------------------------------------ costs

    def kl_g0(self, out):
        """Analytic divergence of the initial condition, per trial."""
        lp, lq = out["prior_g0_logvar"], out["post_g0_logvar"]
        squared = np.square(out["post_g0_mean"] - out["prior_g0_mean"])
        return 0.5 * np.sum(lp - lq + np.exp(lq - lp) + squared / np.exp(lp) - 1, axis=1)

    def kl_inputs_at_means(self, out):
        """ln q - ln p of the inputs at their posterior means, per trial."""
        u, lq = out["controller_outputs"], out["co_logvars"]
        phi = np.exp(-1.0 / np.exp(self.v["z_u_prior_ar1_logatau"][0]))
        nvar = np.exp(self.v["z_u_prior_ar1_logevars"][0])
        total = -0.5 * (lq + np.log(2 * np.pi)).sum(axis=(1, 2))
        for t in range(u.shape[1]):
            mean = phi * u[:, t - 1] if t else 0.0
            var = nvar if t else nvar / (1 - phi**2)
            total += 0.5 * (np.log(2 * np.pi * var) + (u[:, t] - mean) ** 2 / var).sum(axis=1)
        return total

    def l2(self):
        """The penalty on generator and controller, as TF1 divides it."""
        total = n = 0.0
        for cell, scale in (("gen", self.s["l2_gen_scale"]), ("con", self.s["l2_con_scale"])):
            if cell == "con" and not self.s["co_dim"]:
                continue
            for name in (
                "Gates_h_2_ru_W",
                "Gates_h_2_ru_b",
                "Candidate_rh_2_c_W",
                "Candidate_rh_2_c_b",
            ):
                array = self.v[f"{cell}_GenGRU_{name}"]
                total, n = total + 0.5 * scale * np.sum(array**2), n + array.size
        return total / n
