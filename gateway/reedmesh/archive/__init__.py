"""Objects that outlive any gateway: coded over the holders of a site, audited, and re-made where a holder is lost."""
