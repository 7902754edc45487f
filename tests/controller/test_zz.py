import numpy as np, time
from napari_gfsam.bridge.ours import Role
def test_a(at):
    t=time.time(); ref, tg, lab = at.two_pictures(2); print(time.time()-t)
    t=time.time(); at.run(); print('run', time.time()-t, at.problems, at.states())
    print(at.prediction.points.status, at.proposal(at.current).sum())
    t=time.time(); at.desk.correcting.toggle_cluster(at.cluster_on()); print('toggle', time.time()-t, at.proposal(at.current).sum())
    at.press('undo'); print(at.proposal(at.current).sum(), at.problems)
    print([l.name for l in at.viewer.layers])
